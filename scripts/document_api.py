"""Write the published OpenAPI document, to which tests hold the shop; with --check only compare.

A document that breaks what was published is not written, unless --break says that it is meant.
"""

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from app.factory import create_app
from app.kit.api.document import openapi
from app.settings import Settings
from tests.support.promises import broken

ROOT = Path(__file__).resolve().parent.parent
PUBLISHED = ROOT / "tests" / "contracts" / "openapi.json"
# The document needs an application, not a shop: nothing of this is reached.
SETTINGS = {
    "app_env": "test",
    "secret_key": "x" * 32,
    "database_url": "postgresql+psycopg://nowhere/nothing",
    "stock_master_key": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
    "fingerprint_key": "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=",
    "paypal_client_id": "x",
    "paypal_client_secret": "x",
    "paypal_webhook_id": "x",
    "public_url": "http://localhost",
}


def main() -> int:
    os.chdir(ROOT)
    application = create_app(Settings(**SETTINGS))
    with application.app_context():
        text = json.dumps(openapi(), indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    published = PUBLISHED.read_text(encoding="utf-8")
    if "--check" not in sys.argv:
        promises = (
            [] if "--break" in sys.argv else list(broken(json.loads(published), json.loads(text)))
        )
        if promises:
            print("This breaks programs:", *promises, sep="\n  ")
            return 1
        PUBLISHED.write_text(text, encoding="utf-8")
        return 0
    if published != text:
        print(f"{PUBLISHED.relative_to(ROOT)} is not that of the routes: run `make docs`")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
