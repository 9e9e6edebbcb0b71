/* Live updates. A page names what it watches: <div data-live-topic="order:ID" hx-get=… hx-trigger="live:changed, every 5s">,
   several topics with blanks between them.
   The server only says that a topic changed; the element hears `live:changed` and fetches itself anew, under the
   page's own rights. Without a socket nothing is lost but a few seconds, since such elements also poll.

   What a page wants done goes over the same socket: window.byteshop.act(name, body) resolves to {done} or {refused, detail},
   and rejects where there is no socket or no answer in time; then nobody knows whether it was done.

   The protocol: POST /live/ticket gives {"ticket"}, good once; the socket opens at live-url?ticket=…;
   we send {"subscribe": [topics]}; it sends {"subscribed": [topics]} as soon as no news of them is missed any more,
   and {"topic", "event"} for each. {"act", "id", "body"} is answered by {"id", "done"} or {"id", "refused", "detail", "kind"}.

   htmx's own ws extension is not used: it swaps the HTML that a socket sends, so each socket process would have to
   render pages in each viewer's language and rights, and it has no step for a one-time ticket. */

const FIRST_DELAY = 1000;
const LONGEST_DELAY = 60000;
const TICKET_URL = "/live/ticket";
const REFUSED = [401, 403, 404];
const URGENT = "[data-live-urgent]"; // looks for itself as soon as it is subscribed
const SETTLED = 10000; // a socket that has stood this long was no accident
const ANSWER = 10000; // to what a page wants done
const UNSEEN = 30000; // a page in the background lets its socket go after this long, unless it waits for something urgent

const url = document.querySelector('meta[name="live-url"]')?.content;
let socket = null;
let opening = false;
let refused = false;
let attempt = 0;
let timer = 0;
let unseen = 0;
let everOpen = false;
let stale = URGENT;
let subscribed = new Set();
let acts = 0;
const asked = new Map(); // what was asked over this socket and not answered yet

const watchers = () => [...document.querySelectorAll("[data-live-topic]")];
const topicsOf = (element) => element.dataset.liveTopic.split(" ");
const topics = () => new Set(watchers().flatMap(topicsOf));

function announce(topic, event, which = "*") {
  for (const element of watchers()) {
    if (!element.matches(which)) continue;
    if (topicsOf(element).includes(topic)) {
      element.dispatchEvent(new CustomEvent("live:changed", { detail: { topic, event } }));
    }
  }
}

function subscribe() {
  const fresh = [...topics()].filter((topic) => !subscribed.has(topic));
  if (!fresh.length || socket?.readyState !== WebSocket.OPEN) return;
  socket.send(JSON.stringify({ subscribe: fresh }));
  for (const topic of fresh) subscribed.add(topic);
}

function act(name, body) {
  if (socket?.readyState !== WebSocket.OPEN) return Promise.reject(new Error("no socket"));
  const id = String((acts += 1));
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => settle(id, (one) => one.reject(new Error("no answer"))), ANSWER);
    asked.set(id, { resolve, reject, late });
    socket.send(JSON.stringify({ act: name, id, body }));
  });
}

function settle(id, how) {
  const one = asked.get(id);
  if (!one) return;
  asked.delete(id);
  clearTimeout(one.late);
  how(one);
}

async function ticket() {
  const headers = JSON.parse(document.body.getAttribute("hx-headers:inherited") || "{}");
  const answer = await window.byteshop.send(TICKET_URL, { method: "POST", headers: { ...headers, Accept: "application/json" } });
  if (REFUSED.includes(answer.status)) return null;
  if (!answer.ok) throw new Error(`no ticket: ${answer.status}`);
  return (await answer.json()).ticket;
}

function again() {
  clearTimeout(timer);
  const delay = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** attempt) * (0.5 + Math.random() / 2);
  attempt += 1;
  timer = setTimeout(open, delay);
}

async function open() {
  if (!url || refused || opening || socket || !topics().size || document.hidden) return;
  opening = true;
  try {
    const pass = await ticket();
    if (pass === null) {
      refused = true; // not for this visitor: polling remains
      return;
    }
    const address = new URL(url, location.href);
    address.searchParams.set("ticket", pass);
    const ours = new WebSocket(address);
    socket = ours;
    ours.addEventListener("open", () => {
      subscribed = new Set();
      subscribe();
      document.dispatchEvent(new CustomEvent("live:open"));
      // What happened since the page was made, or since the last socket broke, nobody told us.
      stale = everOpen ? "*" : URGENT;
      everOpen = true;
      setTimeout(() => {
        if (socket === ours) attempt = 0;
      }, SETTLED);
    });
    ours.addEventListener("message", (message) => {
      let news;
      try {
        news = JSON.parse(message.data);
      } catch {
        return;
      }
      if (Array.isArray(news?.subscribed)) {
        for (const topic of news.subscribed) announce(topic, "subscribed", stale);
        stale = URGENT;
      } else if (typeof news?.topic === "string") announce(news.topic, news.event);
      else if (typeof news?.id === "string") settle(news.id, (one) => one.resolve(news));
    });
    ours.addEventListener("close", () => {
      if (socket !== ours) return;
      socket = null;
      for (const id of [...asked.keys()]) settle(id, (one) => one.reject(new Error("closed")));
      document.dispatchEvent(new CustomEvent("live:lost"));
      again();
    });
  } catch {
    again();
  } finally {
    opening = false;
  }
}

function refresh() {
  if (socket) subscribe();
  else if (!timer) open();
}

document.addEventListener("htmx:after:swap", refresh);
document.addEventListener("visibilitychange", () => {
  clearTimeout(unseen);
  if (document.hidden) {
    unseen = setTimeout(() => {
      if (!document.querySelector(URGENT)) socket?.close();
    }, UNSEEN);
  } else if (!socket) {
    clearTimeout(timer);
    open();
  }
});
window.addEventListener("pagehide", () => {
  clearTimeout(timer);
  socket?.close();
});
window.addEventListener("pageshow", (event) => {
  if (event.persisted) open();
});
Object.assign((window.byteshop ??= {}), { act });
open();
