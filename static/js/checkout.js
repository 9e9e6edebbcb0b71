/* The checkout: PayPal's buttons, which only ever call our own server; and the page after PayPal's own one. */

const UNLOADED_AFTER = 20000;
const box = document.getElementById("checkout");

class Told extends Error {} // what went wrong has been said already

function headers() {
  const shared = JSON.parse(document.body.getAttribute("hx-headers:inherited") || "{}");
  return { ...shared, "Content-Type": "application/json", Accept: "application/json" };
}

async function post(url, body = {}) {
  const answer = await window.byteshop.send(url, { method: "POST", headers: headers(), body: JSON.stringify(body) });
  const content = await answer.json().catch(() => ({}));
  return { ok: answer.ok, status: answer.status, content };
}

function start(paypal) {
  const place = document.getElementById("paypal-buttons");
  const message = document.getElementById("checkout-message");
  const cancelForm = document.getElementById("checkout-cancel");
  const { dataset: text } = box;
  let order = null; // what our server said of the order now being paid
  let presses = 0;
  let left = false;

  function say(words, tone = "info", link = null) {
    const notice = document.createElement("div");
    notice.className = `alert tone-${tone}`;
    const paragraph = document.createElement("p");
    paragraph.className = "alert__text";
    paragraph.textContent = words;
    notice.append(paragraph);
    if (link) {
      const anchor = document.createElement("a");
      anchor.href = link;
      anchor.textContent = text.textSee;
      paragraph.append(" ", anchor);
    }
    message.replaceChildren(notice);
  }

  function go(location) {
    left = true;
    box.dataset.working = "";
    window.location.assign(location);
  }

  function working(on) {
    if (on) box.dataset.working = "";
    else if (!left) delete box.dataset.working;
  }

  async function createOrder() {
    presses += 1;
    message.replaceChildren();
    let result;
    try {
      result = await post(text.createUrl, { checkout_key: text.checkoutKey });
    } catch {
      say(text.textOffline, "bad");
      throw new Told("offline");
    }
    if (!result.ok) {
      say(result.content.detail || text.textFailed, "bad");
      throw new Told(result.content.code);
    }
    if (result.content.location) {
      go(result.content.location); // paid in another tab
      throw new Told("paid");
    }
    order = result.content;
    cancelForm.action = order.cancel_url;
    cancelForm.hidden = false;
    return order.id;
  }

  async function onApprove(_data, actions) {
    working(true);
    cancelForm.hidden = true;
    say(text.textConfirming);
    let result;
    try {
      result = await post(order.capture_url);
    } catch {
      say(text.textUnsure, "warn", order.purchase_url);
      return undefined;
    }
    const { state, message: words, location, detail } = result.content;
    if (!result.ok) {
      // Too many tries, a store away, a login that ended: the sweeper finishes what the buyer agreed to.
      working(false);
      say(detail || text.textUnsure, "warn", order.purchase_url);
      return undefined;
    }
    if (state === "declined") {
      working(false);
      cancelForm.hidden = false;
      say(words, "bad");
      return actions.restart();
    }
    if (state === "not_approved") {
      working(false);
      cancelForm.hidden = false;
      say(words || text.textFailed, "warn");
      return undefined;
    }
    go(location);
    return undefined;
  }

  /* The window is closed, but what was bought may be paid all the same: in another tab, or with the yes just
     before. Our server knows. */
  async function onCancel() {
    working(false);
    const asked = order;
    const pressed = presses;
    const answer = asked && (await post(asked.capture_url).catch(() => null));
    if (left || pressed !== presses) return; // the buyer goes on already
    const state = answer?.ok && answer.content.state;
    if (state === "paid" || state === "pending") go(answer.content.location);
    else if (state === "confirming") say(text.textUnsure, "warn", asked.purchase_url);
    else say(text.textCancelled, "info");
  }

  function onError(error) {
    working(false);
    if (!(error instanceof Told) && !left && !message.textContent.trim()) say(text.textFailed, "bad");
  }

  const buttons = paypal.Buttons({ createOrder, onApprove, onCancel, onError });
  if (buttons.isEligible && !buttons.isEligible()) return fallBack();
  return Promise.resolve(buttons.render(place)).then(() => place.setAttribute("aria-busy", "false"), fallBack);
}

/* PayPal's script is blocked or away: its own page is still there. */
function fallBack() {
  const place = document.getElementById("paypal-buttons");
  place.hidden = true;
  place.setAttribute("aria-busy", "false");
  document.getElementById("paypal-plain").classList.remove("no-js-only");
  const note = document.createElement("p");
  note.textContent = box.dataset.textUnloaded;
  document.getElementById("checkout-message").replaceChildren(note);
}

if (box) {
  // PayPal's script stands before this one and is deferred too, so it has been tried by now.
  if (window.paypal?.Buttons) {
    const timer = setTimeout(fallBack, UNLOADED_AFTER);
    Promise.resolve(start(window.paypal)).finally(() => clearTimeout(timer));
  } else {
    fallBack();
  }
}

// A page that the back button brings back as it was left has buttons that were pressed: fetch it anew.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) window.location.reload();
});

const finish = document.querySelector("form[data-finish-payment]");
// Not again when the person comes back to this page with the back button.
if (finish && performance.getEntriesByType("navigation")[0]?.type !== "back_forward") finish.requestSubmit();
