/* The API's reference: Swagger UI on the document of this very shop. */

const place = document.getElementById("api-reference");
if (place && window.SwaggerUIBundle) {
  window.SwaggerUIBundle({
    url: place.dataset.url,
    domNode: place,
    deepLinking: true,
    docExpansion: "list",
    defaultModelsExpandDepth: 0,
    tryItOutEnabled: true,
    // A token counts, a cookie does not.
    requestInterceptor: (request) => ({ ...request, credentials: "omit" }),
  });
}
