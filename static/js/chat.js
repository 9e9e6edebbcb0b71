/* An open conversation.

   What is written is first kept in this browser, under an id of its own, then sent over the socket until the server says
   that it is stored: over a broken line, a reload, a night asleep. Sent twice it is stored once. Without a socket it goes
   by POST. What others write is fetched as HTML: each word of news has the page ask for all after its last number, so
   there are no gaps, in whatever order words come or are lost.

   A page of an earlier part has no end and no composer; one that was made while conversations were away has a composer
   and no messages, and is loaded anew once the first one is stored. */

const root = document.querySelector("[data-chat]");
if (root) start(root, window.byteshop);

/* A random UUID (RFC 9562, version 4), also where the shop is not reached over https and crypto.randomUUID is missing. */
function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

function start(chat, { act, kept, send }) {
  const $ = (selector, from = chat) => from.querySelector(selector);
  const { chat: conversation, me, other, enterSends } = chat.dataset;
  const WORDS = Object.fromEntries(Object.entries(chat.dataset).filter(([name]) => name.startsWith("word")));
  const KEPT = `chat:${conversation}`;
  const DRAFT = `draft:${conversation}`;
  const FIRST_WAIT = 1000;
  const LONGEST_WAIT = 30000;
  const HERE_EVERY = 30000;
  const HERE_FOR = 45000;
  const TYPING_EVERY = 3000;
  const TYPING_FOR = 5000;
  const TRANSIENT = ["unavailable", "too_many"]; // refusals that pass
  const NEAR = 120; // pixels from the end: whoever is there follows what comes

  const scroll = $("[data-scroll]");
  const list = $("#messages"); // the newest messages, which an earlier part has not
  const waiting = $("[data-pending]");
  const composer = $("[data-composer]");
  const text = composer && $("[data-composer-text]", composer);
  const presence = $("[data-presence]");
  const offline = $("[data-offline]");
  const address = location.pathname;

  /* News */
  const state = () => document.getElementById("chat-state");
  const asker = $("[data-news]");
  let isAsking = false;
  let asksAgain = false;

  /* One question at a time: each begins where the last answer ended. */
  function ask() {
    if (!asker) return;
    asksAgain = isAsking;
    if (!isAsking) asker.dispatchEvent(new CustomEvent("chat:news"));
  }

  document.addEventListener("htmx:before:request", ({ detail: { ctx } }) => {
    if (ctx.sourceElement === asker) isAsking = true;
  });
  document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => {
    if (ctx.sourceElement !== asker) return;
    isAsking = false;
    if (asksAgain) ask();
  });
  const isAtEnd = () => scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < NEAR;
  const toEnd = () => scroll.scrollTo({ top: scroll.scrollHeight });
  let follows = true;
  let heightBefore = 0;

  chat.addEventListener("live:changed", ({ detail: { topic, event } }) => {
    const [what, who] = event.split(":");
    if (topic.startsWith("chat:") && what === "typing") {
      if (who !== me) shown("typing", TYPING_FOR);
    } else if (topic.startsWith("chat:") && what === "here") {
      if (who !== me) shown("here", HERE_FOR);
    } else ask();
  });

  document.addEventListener("htmx:before:swap", ({ detail: { ctx } }) => {
    follows = isAtEnd();
    heightBefore = ctx.sourceElement?.closest?.("[data-older]") ? scroll.scrollHeight : 0;
  });

  document.addEventListener("htmx:after:swap", () => {
    if (list) showNews();
    tidyDays();
    if (heightBefore) scroll.scrollTop += scroll.scrollHeight - heightBefore;
    else if (list && follows) toEnd();
    heightBefore = 0;
    markRead();
  });

  function showNews() {
    for (const double of list.querySelectorAll("li[data-client]:not([data-client=''])")) {
      waiting.querySelector(`[data-client="${CSS.escape(double.dataset.client)}"]`)?.remove();
    }
    showRead();
    if (list.children.length) $(".chat__empty")?.remove();
  }

  /* Two pages of messages may both begin with the date of one day. */
  function tidyDays() {
    let day = "";
    for (const mark of scroll.querySelectorAll(".msg-day")) {
      if (mark.textContent === day) mark.remove();
      else day = mark.textContent;
    }
  }

  /* Read marks */
  function showRead() {
    const read = Number(state().dataset.read);
    for (const one of scroll.querySelectorAll(".msg--own[data-seq]")) {
      const label = $("[data-state]", one);
      if (label && Number(one.dataset.seq) <= read) label.textContent = WORDS.wordRead;
    }
  }

  let marked = 0;
  function markRead() {
    if (!list) return;
    const seq = Number($("input[name=after]", state()).value);
    if (document.hidden || !isAtEnd() || seq <= marked) return;
    marked = seq;
    act("chat.read", { conversation, seq }).catch(() => {
      const form = new URLSearchParams({ seq, csrf_token: $("input[name=csrf_token]")?.value ?? "" });
      send(`${address}/read`, { method: "POST", body: form }).catch(() => {
        marked = 0;
      });
    });
  }
  scroll.addEventListener("scroll", markRead, { passive: true });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    ask();
    markRead();
    here();
  });

  /* Presence and typing: hints that end by themselves. */
  const until = { here: presence?.textContent ? Date.now() + HERE_FOR : 0, typing: 0 };
  function shown(what, long) {
    until[what] = Date.now() + long;
    if (what === "typing") until.here = Math.max(until.here, until.typing);
    tell();
    setTimeout(tell, long + 50);
  }
  function tell() {
    const now = Date.now();
    const words = until.typing > now ? WORDS.wordTyping : until.here > now ? WORDS.wordHere : "";
    if (presence && presence.textContent !== words) presence.textContent = words;
  }
  setTimeout(tell, HERE_FOR + 50);
  const here = () => {
    if (!document.hidden && other) act("chat.here", { conversation }).catch(() => {});
  };
  setInterval(here, HERE_EVERY);

  if (list) toEnd();
  tidyDays();
  document.addEventListener("live:open", here);
  if (!composer) return;

  /* What waits to be sent */
  const pending = {
    all: () => JSON.parse(kept.get(KEPT) || "[]"),
    keep: (all) => kept.set(KEPT, all.length ? JSON.stringify(all) : ""),
    add: (one) => pending.keep([...pending.all(), one]),
    drop: (id) => pending.keep(pending.all().filter((one) => one.client_id !== id)),
    change: (id, news) => pending.keep(pending.all().map((one) => (one.client_id === id ? { ...one, ...news } : one))),
  };
  const template = $("[data-pending-message]");
  const bubble = (id) => waiting.querySelector(`[data-client="${CSS.escape(id)}"]`);

  function show(one) {
    if (bubble(one.client_id) || list?.querySelector(`[data-client="${CSS.escape(one.client_id)}"]`)) return;
    const item = template.content.firstElementChild.cloneNode(true);
    item.dataset.client = one.client_id;
    $("[data-text]", item).textContent = one.text;
    waiting.append(item);
    $("[data-retry]", item).addEventListener("click", () => {
      pending.change(one.client_id, { failed: "" });
      flush();
    });
    $("[data-take-back]", item).addEventListener("click", () => takeBack(one));
    mark(one.client_id, one.failed || WORDS.wordSending, Boolean(one.failed));
    toEnd();
  }

  function mark(id, words, isFailed = false) {
    const item = bubble(id);
    if (!item) return;
    item.classList.toggle("msg--failed", isFailed);
    $("[data-state]", item).textContent = words;
    $("[data-failed]", item).hidden = !isFailed;
  }

  function takeBack(one) {
    pending.drop(one.client_id);
    bubble(one.client_id)?.remove();
    text.value = text.value ? `${one.text}\n${text.value}` : one.text;
    keepDraft();
    text.focus();
  }

  let isSending = false;
  let wait = FIRST_WAIT;
  let timer = 0;

  async function flush() {
    clearTimeout(timer);
    if (isSending) return;
    isSending = true;
    try {
      for (let one = next(); one; one = next()) {
        mark(one.client_id, WORDS.wordSending);
        const answer = await deliver(one);
        if (!answer || TRANSIENT.includes(answer.kind)) {
          mark(one.client_id, WORDS.wordWaiting);
          offline.hidden = answer?.kind === "too_many";
          again();
          return;
        }
        wait = FIRST_WAIT;
        offline.hidden = true;
        if (answer.done) stored(one);
        else await refused(one, answer);
      }
    } finally {
      isSending = false;
    }
  }
  const next = () => pending.all().find((one) => !one.failed);

  function again() {
    timer = setTimeout(flush, wait * (0.5 + Math.random() / 2));
    wait = Math.min(LONGEST_WAIT, wait * 2);
  }

  /* What the server says; null while it can't be reached. */
  async function deliver(one) {
    const { client_id, text: words, reply_to, sure } = one;
    try {
      return await act("chat.send", { conversation, client_id, text: words, reply_to, sure });
    } catch {
      return post(one);
    }
  }

  async function post({ client_id, text: words, reply_to, sure }) {
    const body = new URLSearchParams({ client_id, text: words, sure: sure ? "1" : "" });
    body.set("csrf_token", $("input[name=csrf_token]", composer).value);
    if (reply_to) body.set("reply_to", reply_to);
    try {
      const answer = await send(address, { method: "POST", body, headers: { Accept: "application/json" } });
      if (answer.ok) return await answer.json();
      if (answer.status === 429) return { kind: "too_many" };
      if (answer.status >= 500) return null;
      const problem = await answer.json();
      return { refused: problem.code, detail: problem.detail };
    } catch {
      return null;
    }
  }

  function stored(one) {
    pending.drop(one.client_id);
    if (list) ask();
    else if (!next()) location.reload();
  }

  async function refused(one, { refused: code, detail }) {
    if (code === "needs_confirmation") {
      if (await window.byteshop.confirmed(detail, { label: WORDS.wordSure })) pending.change(one.client_id, { sure: true });
      else takeBack(one);
      return;
    }
    pending.change(one.client_id, { failed: detail || code });
    mark(one.client_id, detail || code, true);
  }

  /* Writing */
  const reply = { box: $("[data-reply-to]", composer), words: $("[data-reply-words]", composer), to: null };

  function answerTo(seq, words) {
    reply.to = seq;
    reply.box.hidden = seq === null;
    reply.words.textContent = words;
    if (seq !== null) text.focus();
  }

  function keepDraft() {
    kept.set(DRAFT, text.value);
  }

  let typedAt = 0;
  let saidAt = 0;
  text.addEventListener("input", () => {
    keepDraft();
    typedAt = Date.now();
    sayTyping();
  });
  // Who types before the socket stands is seen to once it does.
  document.addEventListener("live:open", () => {
    if (Date.now() - typedAt < TYPING_FOR) sayTyping();
  });
  function sayTyping() {
    if (Date.now() - saidAt < TYPING_EVERY) return;
    saidAt = Date.now();
    act("chat.typing", { conversation }).catch(() => {
      saidAt = 0;
    });
  }

  composer.addEventListener("submit", (event) => {
    event.preventDefault();
    const value = text.value.trim();
    const words = value.toWellFormed?.() ?? value; // half a UTF-16 pair can't be sent
    if (!words) return;
    const one = { client_id: newId(), text: words, reply_to: reply.to, sure: false };
    pending.add(one);
    text.value = "";
    keepDraft();
    answerTo(null, "");
    composer.querySelectorAll(".alert").forEach((alert) => alert.remove());
    show(one);
    flush();
  });

  text.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    const sends = enterSends === "1" ? !event.shiftKey && !event.ctrlKey : event.ctrlKey || event.metaKey;
    if (!sends) return;
    event.preventDefault();
    composer.requestSubmit();
  });

  chat.addEventListener("click", ({ target }) => {
    const replied = target.closest("[data-reply]");
    const answer = target.closest("[data-answer]");
    if (replied) {
      const words = $("[data-text]", replied.closest("li")).textContent.slice(0, 80);
      answerTo(Number(replied.dataset.reply), `${replied.dataset.sender}: ${words}`);
    } else if (target.closest("[data-reply-off]")) answerTo(null, "");
    else if (answer) {
      text.setRangeText(answer.dataset.answer, text.selectionStart, text.selectionEnd, "end");
      keepDraft();
      answer.closest("details").open = false;
      text.focus();
    }
  });

  if (!text.value) text.value = kept.get(DRAFT) ?? "";
  pending.all().forEach(show);
  flush();
  document.addEventListener("live:open", () => {
    wait = FIRST_WAIT;
    flush();
  });
  window.addEventListener("online", flush);
  markRead();
}
