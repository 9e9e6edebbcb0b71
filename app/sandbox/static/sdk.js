/* The buttons of the PayPal sandbox. Payments made here are tests: no money moves. */
(function (settings) {
  "use strict";

  var script = document.currentScript;
  var nonce = (script && (script.getAttribute("data-csp-nonce") || script.nonce)) || "";
  var POLL_MS = 200;
  var FEATURES = "popup,width=480,height=760";

  function element(name, properties, children) {
    var made = document.createElement(name);
    Object.assign(made, properties || {});
    (children || []).forEach(function (child) { made.append(child); });
    return made;
  }

  /* A page with a strict policy lets in only styles that carry its nonce; without one the rules are
     adopted as a sheet, which is no inline style. */
  function addStyle(root) {
    if (nonce) {
      var style = element("style", { textContent: settings.css });
      style.setAttribute("nonce", nonce);
      root.append(style);
    } else {
      var sheet = new CSSStyleSheet();
      sheet.replaceSync(settings.css);
      root.adoptedStyleSheets = [sheet];
    }
  }

  function checkoutUrl(orderID, popup, declined) {
    var query = new URLSearchParams({ token: orderID, locale: settings.language });
    if (popup) {
      query.set("flow", "popup");
      query.set("origin", window.location.origin);
    }
    if (declined) { query.set("declined", "1"); }
    return settings.origin + "/checkoutnow?" + query.toString();
  }

  function openWindow() {
    return window.open(
      settings.origin + "/checkoutnow/loading?locale=" + settings.language,
      "sandbox-payment",
      FEATURES
    );
  }

  function Buttons(options) {
    if (!(this instanceof Buttons)) { return new Buttons(options); }
    this.options = options || {};
    this.popup = null;
    this.orderID = null;
    this.host = null;
    this.stopWaiting = null;
  }

  Buttons.prototype.isEligible = function () { return true; };

  Buttons.prototype.render = function (target) {
    var self = this;
    var container = typeof target === "string" ? document.querySelector(target) : target;
    if (!container) {
      return Promise.reject(new Error("There is no element " + target + " to render into."));
    }
    if (typeof this.options.createOrder !== "function") {
      return Promise.reject(new Error("createOrder is missing."));
    }
    this.host = element("div", { className: "paypal-buttons" });
    var root = this.host.attachShadow({ mode: "open" });
    addStyle(root);
    this.spinner = element("span", { className: "spinner", hidden: true });
    this.spinner.setAttribute("aria-hidden", "true");
    this.button = element("button", { type: "button" }, [
      element("span", { textContent: settings.labels.verb }),
      " ",
      element("span", { className: "brand", textContent: "PayPal" }),
      " ",
      element("span", { className: "mark", textContent: settings.labels.mark }),
      this.spinner
    ]);
    if ((this.options.style || {}).shape === "pill") { this.button.className = "pill"; }
    this.status = element("p", { textContent: settings.labels.note });
    this.status.setAttribute("role", "status");
    root.append(this.button, this.status);
    this.button.addEventListener("click", function () { self.press(); });
    this.leave = function () { self.closeWindow(); };
    window.addEventListener("pagehide", this.leave);
    container.replaceChildren(this.host);
    return Promise.resolve();
  };

  Buttons.prototype.close = function () {
    this.closeWindow();
    this.finishWaiting();
    if (this.leave) { window.removeEventListener("pagehide", this.leave); }
    if (this.host) { this.host.remove(); }
    this.host = null;
    return Promise.resolve();
  };

  Buttons.prototype.closeWindow = function () {
    if (this.popup && !this.popup.closed) { this.popup.close(); }
    this.popup = null;
  };

  Buttons.prototype.setBusy = function (busy, text) {
    this.busy = busy;
    this.button.setAttribute("aria-disabled", String(busy));
    this.spinner.hidden = !busy;
    this.status.textContent = text || (busy ? settings.labels.waiting : settings.labels.note);
  };

  /* The window must be opened by the click itself, or the browser takes it for an unwanted one. */
  Buttons.prototype.press = function () {
    var self = this;
    if (this.busy) {
      if (this.popup && !this.popup.closed) { this.popup.focus(); }
      return;
    }
    this.setBusy(true);
    this.popup = openWindow();
    if (this.orderID) {
      this.show(this.orderID, true);
      return;
    }
    Promise.resolve()
      .then(function () { return self.options.createOrder({ paymentSource: "paypal" }, {}); })
      .then(function (orderID) {
        if (!orderID) { throw new Error("createOrder gave no order id."); }
        self.show(orderID, false);
      })
      .catch(function (error) { self.fail(error); });
  };

  Buttons.prototype.show = function (orderID, declined) {
    if (!this.popup) {
      window.location.assign(checkoutUrl(orderID, false, declined));
      return;
    }
    this.orderID = null;
    if (this.popup.closed) {
      this.cancel(orderID);
      return;
    }
    this.popup.location.replace(checkoutUrl(orderID, true, declined));
    this.wait(orderID);
  };

  Buttons.prototype.wait = function (orderID) {
    var self = this;
    function hear(event) {
      var told = event.data || {};
      if (event.origin !== settings.origin || event.source !== self.popup) { return; }
      if (told.sender !== "paypal-sandbox" || told.orderID !== orderID) { return; }
      self.finishWaiting();
      if (told.type === "approved") { self.approve(orderID, told.payerID); }
      else if (told.type === "cancelled") { self.closeWindow(); self.cancel(orderID); }
      else { self.fail(new Error(told.message || "The payment window failed.")); }
    }
    var poll = window.setInterval(function () {
      if (!self.popup || self.popup.closed) {
        self.finishWaiting();
        self.popup = null;
        self.cancel(orderID);
      }
    }, POLL_MS);
    this.finishWaiting();
    this.stopWaiting = function () {
      window.removeEventListener("message", hear);
      window.clearInterval(poll);
    };
    window.addEventListener("message", hear);
  };

  Buttons.prototype.finishWaiting = function () {
    if (this.stopWaiting) { this.stopWaiting(); }
    this.stopWaiting = null;
  };

  Buttons.prototype.cancel = function (orderID) {
    this.setBusy(false);
    if (this.options.onCancel) { this.options.onCancel({ orderID: orderID }, {}); }
  };

  /* The window stays until the shop is done, so that a declined payer can be asked again in it. */
  Buttons.prototype.approve = function (orderID, payerID) {
    var self = this;
    var restarted = false;
    var actions = {
      restart: function () {
        restarted = true;
        self.restart(orderID);
        return Promise.resolve();
      },
      redirect: function (url) {
        window.location.assign(url);
        return Promise.resolve();
      }
    };
    Promise.resolve()
      .then(function () {
        var data = { orderID: orderID, payerID: payerID, paymentSource: "paypal" };
        return self.options.onApprove ? self.options.onApprove(data, actions) : undefined;
      })
      .then(function () {
        if (restarted) { return; }
        self.closeWindow();
        self.setBusy(false);
      })
      .catch(function (error) { self.fail(error); });
  };

  Buttons.prototype.restart = function (orderID) {
    if (!this.popup || this.popup.closed) { this.popup = openWindow(); }
    if (this.popup) {
      this.setBusy(true);
      this.show(orderID, true);
    } else {
      this.orderID = orderID;
      this.setBusy(false, settings.labels.again);
      this.button.focus();
    }
  };

  Buttons.prototype.fail = function (error) {
    this.closeWindow();
    this.finishWaiting();
    if (this.host) { this.setBusy(false); }
    if (this.options.onError) { this.options.onError(error); }
    else { window.console.error(error); }
  };

  window.paypal = Object.assign(window.paypal || {}, {
    Buttons: Buttons,
    FUNDING: { PAYPAL: "paypal" },
    version: "sandbox"
  });
})(__SETTINGS__);
