/* Tells the shop's page, which opened this window, what the payer has decided. */
(function () {
  "use strict";
  var ended = document.getElementById("ended").dataset;
  if (window.opener && ended.origin) {
    window.opener.postMessage(
      { sender: "paypal-sandbox", type: ended.told, orderID: ended.order, payerID: ended.payer },
      ended.origin
    );
  }
})();
