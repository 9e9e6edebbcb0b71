/* The API's reference: Swagger UI on the document of this very shop, within the shop's own frame. */

const place = document.getElementById("api-reference");

/* The shop's layout: the page has a main part and a heading already, and one server. A link within
   the button that opens an operation could be reached by nobody with a keyboard. */
const shopLayout = ({ React }) => ({
  components: {
    ShopLayout({ getComponent, specSelectors }) {
      const part = (name, ...more) => React.createElement(getComponent(name, ...more));
      if (specSelectors.loadingStatus() !== "success") return part("errors", true);
      return React.createElement(
        "div",
        { className: "swagger-ui" },
        part("SvgAssets"),
        React.createElement("div", { className: "scheme-container" }, part("AuthorizeBtnContainer", true)),
        React.createElement("h2", null, place.dataset.heading),
        part("errors", true),
        part("operations", true),
        part("Models", true),
      );
    },
    DeepLink: ({ text }) => React.createElement("span", null, text),
  },
});

/* Swagger UI's own dark colours, by the shop's theme. */
const followTheme = () => {
  const chosen = document.documentElement.dataset.theme;
  const system = matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.classList.toggle("dark-mode", chosen ? chosen === "dark" : system);
};

/* Its fields have their names in another cell of the row, its groups theirs beside the button; long
   examples are scrolled by keyboard, too. */
const help = () => {
  for (const button of place.querySelectorAll(".opblock-tag button:not([aria-label])")) {
    button.setAttribute("aria-label", button.closest(".opblock-tag").dataset.tag);
  }
  for (const example of place.querySelectorAll("pre.microlight:not([tabindex])")) example.tabIndex = 0;
  for (const field of place.querySelectorAll("[data-param-name] :is(input, select, textarea):not([aria-label])")) {
    field.setAttribute("aria-label", field.closest("[data-param-name]").dataset.paramName);
  }
};

if (place && window.SwaggerUIBundle) {
  followTheme();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", followTheme);
  new MutationObserver(followTheme).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  new MutationObserver(help).observe(place, { childList: true, subtree: true });
  window.SwaggerUIBundle({
    url: place.dataset.url,
    domNode: place,
    deepLinking: true,
    docExpansion: "none",
    defaultModelsExpandDepth: 0,
    tryItOutEnabled: true,
    syntaxHighlight: false,
    plugins: [shopLayout],
    layout: "ShopLayout",
    // A token counts, a cookie does not.
    requestInterceptor: (request) => ({ ...request, credentials: "omit" }),
  });
}
