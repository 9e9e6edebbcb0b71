"""The documents say what is so."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.kit.jobs import QUEUES
from app.listeners import LISTENERS
from app.settings import Settings
from scripts import document_settings

Services = dict[str, dict[str, Any]]
ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]


def test_table_of_settings_is_that_of_the_code() -> None:
    text = (ROOT / "README.md").read_text()
    assert document_settings.table() in text
    for name in Settings.model_fields:
        assert f"| `{name.upper()}` |" in text


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", document.read_text())
    lost = [link for link in links if not (document.parent / link).exists()]
    assert lost == []


@pytest.mark.parametrize("document", sorted((ROOT / "docs" / "decisions").glob("*.md")), ids=str)
def test_decision_has_its_parts_and_names_files_that_exist(document: Path) -> None:
    text = document.read_text()
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings == ["Context", "Decision", "Consequences", "Alternatives", "Files"]
    assert text.startswith(f"# {int(document.name[:4])}. ")
    for name in re.findall(r"`([^`]+)`", text.partition("## Files")[2]):
        assert list(ROOT.glob(name)), name


def test_architecture_lists_every_listener() -> None:
    """Rows wait under these names: one that is renamed takes a migration of the rows."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    listed = set(re.findall(r"^\| `(\w+)` \| `([\w.]+)` \| (\w+) \|$", text, re.MULTILINE))
    there = {
        (listener.event.__name__, listener.name, listener.reach.value) for listener in LISTENERS
    }
    assert listed == there


@pytest.fixture
def services() -> Services:
    """The services of compose.yaml."""
    composed: dict[str, Services] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    return composed["services"]


def test_every_queue_has_a_worker_of_the_procfile() -> None:
    served = re.findall(r"--queues (\S+)", (ROOT / "Procfile").read_text())
    assert {queue for queues in served for queue in queues.split(",")} == set(QUEUES)
    assert not any({"mail", "webhooks"} <= set(queues.split(",")) for queues in served)
    assert {listener.queue for listener in LISTENERS} <= set(QUEUES)


class TestCompose:
    def test_every_role_of_the_procfile_is_a_service(self, services: Services) -> None:
        for line in (ROOT / "Procfile").read_text().splitlines():
            role, _, command = line.partition(": ")
            words = [word for word in command.split() if not word.startswith("ROLES=")]
            if role != "paypal":
                assert services[role]["command"] == words

    def test_settings_are_ones_that_the_shop_reads(self, services: Services) -> None:
        known = {name.upper() for name in Settings.model_fields}
        for name in ("release", "web", "chat", "auth", "worker", "delivery", "webhooks", "clock"):
            assert set(services[name]["environment"]) <= known
            assert services[name]["image"] == services["web"]["image"]
        assert services["chat"]["environment"]["ROLES"] == "chat"
        assert services["chat"]["environment"]["DATABASE_URL"].startswith("postgresql+psycopg://")

    def test_roles_start_after_the_migrations(self, services: Services) -> None:
        for name in ("web", "chat", "auth", "worker", "delivery", "webhooks", "clock"):
            waits = services[name]["depends_on"]
            assert waits["release"] == {"condition": "service_completed_successfully"}
            assert set(waits) > {"postgres", "valkey", "mongo"}

    def test_volumes_are_declared(self, services: Services) -> None:
        declared = set(yaml.safe_load((ROOT / "compose.yaml").read_text())["volumes"])
        named = {
            volume.partition(":")[0]
            for service in services.values()
            for volume in service.get("volumes", [])
            if not volume.startswith((".", "/"))
        }
        assert named == declared

    def test_proxy_sends_the_socket_to_chat_alone(self) -> None:
        text = (ROOT / "Caddyfile").read_text()
        assert re.search(r"handle /live \{\s+reverse_proxy chat:8001", text)
        assert re.search(r"handle \{\s+request_body \{[^}]*\}\s+reverse_proxy web:8000", text)
