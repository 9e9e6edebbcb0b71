/* What htmx may never do here, in the words of htmx 4, which dropped the settings allowEval and
   allowScriptTags of htmx 2: evaluate text, honour hx-on, or bring scripts into the page.
   The Content Security Policy forbids the same; this says it before the browser has to. */

const { htmx } = window;

function refuse() {
  throw new Error("htmx expressions are off in this shop");
}

htmx?.registerExtension("byteshop-guard", {
  init(api) {
    // Takes the place of Function and AsyncFunction for filters, js: values and hx-on.
    api.initSecurity(null, refuse, refuse);
  },
  htmx_before_on_init() {
    return false;
  },
  htmx_before_swap(_element, { tasks }) {
    for (const task of tasks) {
      for (const script of task.fragment.querySelectorAll("script")) script.remove();
    }
  },
});
