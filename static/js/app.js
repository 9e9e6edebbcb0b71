/* What pages share: theme, menus, notices, confirmation, copying, and small helps of forms.
   Everything is delegated from the document, so that fragments brought by htmx need no set-up. */

const root = document.documentElement;
root.classList.add("js");

const $ = (selector, from = document) => from.querySelector(selector);
const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];

/* Theme: kept in a cookie, so that the server draws the next page right at once. */
const YEAR = 31536000;

function toggleTheme() {
  const dark = root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  document.cookie = `theme=${root.dataset.theme}; path=/; max-age=${YEAR}; samesite=lax`;
}

/* Dates: the server writes them by this clock from the next page on. */
const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
if (timeZone) document.cookie = `timezone=${timeZone}; path=/; max-age=${YEAR}; samesite=lax`;

/* Notices */
function dismiss(toast) {
  toast.classList.add("is-leaving");
  setTimeout(() => toast.remove(), 160);
}

function hideLater(toast) {
  let timer = 0;
  const start = () => {
    timer = setTimeout(() => dismiss(toast), Number(toast.dataset.autohide));
  };
  const stop = () => clearTimeout(timer);
  toast.addEventListener("pointerenter", stop);
  toast.addEventListener("pointerleave", start);
  toast.addEventListener("focusin", stop);
  toast.addEventListener("focusout", start);
  start();
}

const notices = $("#notices");
if (notices) {
  $$("[data-autohide]", notices).forEach(hideLater);
  new MutationObserver((changes) => {
    for (const { addedNodes } of changes) {
      for (const node of addedNodes) if (node.matches?.("[data-autohide]")) hideLater(node);
    }
  }).observe(notices, { childList: true });
}

function showTemplate(id) {
  const template = document.getElementById(id);
  if (!template || !notices) return;
  for (const shown of $$(`[data-from="${id}"]`, notices)) shown.remove();
  const toast = template.content.firstElementChild.cloneNode(true);
  toast.dataset.from = id;
  notices.append(toast);
}

/* Confirmation: a native dialog, which gives the focus back by itself. */
function confirmed(text, { label, tone } = {}) {
  const dialog = $("#confirm-dialog");
  if (!dialog?.showModal) return Promise.resolve(window.confirm(text));
  const ok = $("[data-confirm-ok]", dialog);
  $("[data-confirm-text]", dialog).textContent = text;
  ok.textContent = label || ok.dataset.default;
  ok.className = `btn btn--${tone || "primary"}`;
  dialog.returnValue = "cancel";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "ok"), { once: true });
  });
}

const allowed = new WeakSet();

document.addEventListener(
  "submit",
  (event) => {
    const form = event.target;
    const asker = event.submitter?.dataset.confirm ? event.submitter : form;
    if (asker.dataset.confirm && !allowed.has(form)) {
      event.preventDefault();
      event.stopImmediatePropagation();
      const { confirm, confirmLabel, confirmTone } = asker.dataset;
      confirmed(confirm, { label: confirmLabel, tone: confirmTone }).then((yes) => {
        if (!yes || !form.isConnected) return;
        allowed.add(form);
        form.requestSubmit(event.submitter);
        allowed.delete(form);
      });
      return;
    }
    // A second click while the first is under way.
    if (form.dataset.busy !== undefined || form.classList.contains("htmx-request")) {
      if (form.method === "post") {
        event.preventDefault();
        event.stopImmediatePropagation();
      }
      return;
    }
    // Plain forms: htmx has taken the event by then if it wants it. A download (data-download) leaves the page standing.
    setTimeout(() => {
      const leaves = form.method === "post" && form.dataset.download === undefined;
      if (event.defaultPrevented || !leaves) return;
      form.dataset.busy = "";
      if (event.submitter) event.submitter.dataset.busy = ""; // it may stand outside its form
    });
  },
  true,
);

/* Whom this page was made for, in a cookie, since storage may be forbidden. */
const shared = JSON.parse(document.body.getAttribute("hx-headers:inherited") || "{}");
const person = `page-of=${shared["X-Page-Of"] || "guest"}`;
const guarded = location.protocol === "https:" ? "; secure" : "";
document.cookie = `${person}; path=/; samesite=lax${guarded}`;

window.addEventListener("pageshow", ({ persisted }) => {
  for (const busy of $$("[data-busy]")) delete busy.dataset.busy;
  // Back in a page that the browser has kept as it was: made anew if somebody has logged in or out since.
  if (persisted && !document.cookie.split("; ").includes(person)) location.reload();
});

document.addEventListener("htmx:confirm", (event) => {
  event.preventDefault();
  const { ctx, issueRequest, dropRequest } = event.detail;
  confirmed(ctx.confirm).then((yes) => (yes ? issueRequest() : dropRequest()));
});

document.addEventListener("htmx:error", (event) => {
  if (event.detail?.ctx && !event.detail.ctx.response) showTemplate("toast-offline");
});

/* The token of forms goes with the login, which may have changed in another tab. A refusal of ours then has
   the new one, and the same is sent once more. */
function renewToken(token) {
  const shared = JSON.parse(document.body.getAttribute("hx-headers:inherited"));
  document.body.setAttribute("hx-headers:inherited", JSON.stringify({ ...shared, "X-CSRFToken": token }));
  for (const input of $$('input[name="csrf_token"]')) input.value = token;
}

async function send(url, options) {
  const answer = await window.fetch(url, options);
  const token = answer.status === 403 && answer.headers.get("X-CSRFToken");
  if (!token) return answer;
  renewToken(token);
  const { body } = options;
  if (body instanceof FormData || body instanceof URLSearchParams) body.set("csrf_token", token);
  return window.fetch(url, { ...options, headers: { ...options.headers, "X-CSRFToken": token } });
}

Object.assign((window.byteshop ??= {}), { send, confirmed });
document.addEventListener("htmx:before:request", ({ detail: { ctx } }) => {
  ctx.fetch = send;
});

/* The focus stays where something was replaced: htmx gives it back to what has the same id or `autofocus`. */
let focusedIn = "";
document.addEventListener("htmx:before:swap", ({ detail }) => {
  const { target } = detail.ctx;
  focusedIn = target?.contains?.(document.activeElement) ? target.id : "";
});
document.addEventListener("htmx:after:swap", () => {
  const place = focusedIn && document.activeElement === document.body && document.getElementById(focusedIn);
  focusedIn = "";
  if (!place) return;
  place.tabIndex = -1;
  place.focus({ preventScroll: true });
});

/* Load more: put the focus on the first new item, since the link is gone. */
let lastItem = null;
document.addEventListener("htmx:before:swap", ({ detail }) => {
  const link = detail.ctx.sourceElement?.closest?.("[data-load-more]");
  lastItem = link ? (link.closest(".load-more").previousElementSibling ?? null) : null;
});
document.addEventListener("htmx:after:swap", () => {
  const next = lastItem?.nextElementSibling;
  lastItem = null;
  $("a, button", next ?? document.createElement("i"))?.focus({ preventScroll: true });
});

/* Copy */
async function copy(button) {
  const source = $(button.dataset.copy);
  if (!source) return;
  const text = "value" in source ? source.value : source.textContent;
  const label = $("[data-copy-label]", button) ?? button;
  const before = (button.dataset.copyBefore ??= label.textContent);
  try {
    await navigator.clipboard.writeText(text);
    label.textContent = button.dataset.copied;
  } catch {
    getSelection()?.selectAllChildren(source);
    label.textContent = button.dataset.copyFailed;
  }
  setTimeout(() => {
    label.textContent = before;
  }, 2500);
}

/* Quantity */
function stepBy(button) {
  const input = $("input", button.closest("[data-quantity]"));
  const before = input.value;
  if (Number(button.dataset.step) > 0) input.stepUp();
  else input.stepDown();
  if (input.value !== before) {
    input.dispatchEvent(new Event("input", { bubbles: true }));
    input.dispatchEvent(new Event("change", { bubbles: true }));
  }
}

/* Clicks */
document.addEventListener("click", (event) => {
  const target = event.target.closest?.("[data-theme-toggle], [data-dismiss], [data-copy], [data-step]");
  if (target?.matches("[data-theme-toggle]")) toggleTheme();
  else if (target?.matches("[data-dismiss]")) dismiss(target.closest("[data-toast]"));
  else if (target?.matches("[data-copy]")) copy(target);
  else if (target?.matches("[data-step]")) stepBy(target);
  for (const menu of $$("details[data-menu][open]")) if (!menu.contains(event.target)) menu.open = false;
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of $$("details[data-menu][open]")) {
    menu.open = false;
    $("summary", menu).focus();
  }
});

document.addEventListener("focusout", (event) => {
  const menu = event.target.closest?.("details[data-menu][open]");
  if (menu && event.relatedTarget && !menu.contains(event.relatedTarget)) menu.open = false;
});

/* Counters and files */
function count(input) {
  const counter = $(`[data-count-for="${CSS.escape(input.id)}"]`);
  if (counter) counter.textContent = `${[...input.value].length} / ${counter.dataset.max}`;
}

document.addEventListener("input", (event) => {
  if (event.target.id && event.target.matches("input, textarea")) count(event.target);
});

document.addEventListener("change", (event) => {
  const drop = event.target.closest?.("[data-file-drop]");
  if (!drop) return;
  const [file] = event.target.files;
  const name = $("[data-file-name]", drop);
  name.dataset.empty ??= name.textContent;
  name.textContent = file ? file.name : name.dataset.empty;
  const { maxBytes, tooLarge } = drop.dataset;
  event.target.setCustomValidity(file?.size > maxBytes ? tooLarge : "");
  event.target.reportValidity();
  $(".file-drop__preview", drop)?.remove();
  if (file?.type.startsWith("image/") && drop.dataset.preview !== undefined) {
    const image = Object.assign(new Image(), { className: "file-drop__preview", alt: "" });
    image.addEventListener("load", () => URL.revokeObjectURL(image.src));
    image.src = URL.createObjectURL(file);
    drop.prepend(image);
  }
});

for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    event.target.closest?.("[data-file-drop]")?.classList.toggle("is-over", kind === "dragenter" || kind === "dragover");
  });
}

/* What fragments and the first page need alike */
function prepare(scope) {
  for (const counter of $$("[data-count-for]", scope)) {
    const input = document.getElementById(counter.dataset.countFor);
    if (input) count(input);
  }
}

if (matchMedia("(max-width: 59.99rem)").matches) {
  for (const panel of $$("details[data-fold-on-phone]")) panel.open = false;
}
prepare(document);

/* A form that was refused: to the first control that is wrong, which its description explains. */
$('main [aria-invalid="true"]')?.focus();
document.addEventListener("htmx:after:swap", () => prepare(document));

/* Unread conversations: in the title, and as a notice of the device where the person has asked for it. */
const NOTICES = "chat-notices";
const bareTitle = document.title;
let unreadBefore = null;

function noteUnread() {
  const badge = $("[data-unread][data-live-topic]");
  if (!badge) return;
  const unread = Number(badge.dataset.count);
  document.title = unread ? `(${badge.textContent}) ${bareTitle}` : bareTitle;
  const isNews = unreadBefore !== null && unread > unreadBefore;
  unreadBefore = unread;
  const isWanted = "Notification" in window && Notification.permission === "granted" && kept.get(NOTICES);
  if (!isNews || !document.hidden || !isWanted) return;
  const notice = new Notification(badge.dataset.words, { icon: $('link[rel="icon"]')?.href, tag: NOTICES });
  notice.addEventListener("click", () => {
    window.focus();
    location.assign(badge.closest("a").href);
  });
}

document.addEventListener("htmx:after:swap", noteUnread);

/* What this browser keeps for one person; where storage is forbidden or full, for this page alone. */
const memory = new Map();
const kept = {
  get(name) {
    if (memory.has(name)) return memory.get(name);
    try {
      return localStorage.getItem(`${person}:${name}`);
    } catch {
      return null;
    }
  },
  set(name, value) {
    try {
      if (value) localStorage.setItem(`${person}:${name}`, value);
      else localStorage.removeItem(`${person}:${name}`);
      memory.delete(name);
    } catch {
      memory.set(name, value);
    }
  },
};
window.byteshop.kept = kept;

const notify = $("[data-notify]");
if (notify && "Notification" in window && Notification.permission !== "denied") {
  const show = () => {
    notify.hidden = Notification.permission === "granted" && Boolean(kept.get(NOTICES));
  };
  notify.addEventListener("click", async () => {
    if ((await Notification.requestPermission()) === "granted") kept.set(NOTICES, "1");
    show();
  });
  show();
}

/* "/" goes to the search of a page that has one. */
document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest?.("input, textarea, select, [contenteditable]");
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || isTyping) return;
  const search = $$("[data-slash]").find((input) => input.offsetParent) ?? $("#site-search");
  if (!search) return;
  event.preventDefault();
  search.focus();
});
