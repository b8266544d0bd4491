"use strict";
// Forms that ask: before changed text is left behind (data-guard), and before something is done (data-confirm).
// Text of a guarded form that was sent and not saved (the session was over, or it was refused) is in the form again on its next page.
(() => {
  let leaving = null;  // the form that is being sent: its text is not lost
  const FIELDS = "textarea, input:not([type=hidden], [type=submit], [type=checkbox], [type=radio])";
  const changed = (form) => form !== leaving && [...form.querySelectorAll(FIELDS)].some((field) => field.value !== field.defaultValue);
  const guarded = (part) => [...document.querySelectorAll("form[data-guard]")].filter((form) => part.contains(form));
  addEventListener("beforeunload", (event) => { if (guarded(document).some(changed)) event.preventDefault(); });
  addEventListener("pageshow", () => { leaving = null; });
  document.addEventListener("htmx:beforeSwap", (event) => {  // a swap takes text away without leaving the page
    const lost = guarded(event.detail.target).some((form) => changed(form) && !form.contains(event.detail.requestConfig.elt));
    if (lost && !confirm("Text that you wrote here is not saved. Leave it?")) event.detail.shouldSwap = false;
  });

  function button(text, value) {
    const made = document.createElement("button");
    made.textContent = text;
    made.value = value;
    return made;
  }
  function ask(question, yes) {
    const dialog = document.createElement("dialog"), form = document.createElement("form"), sentence = document.createElement("p");
    const cancel = button("Cancel", "");
    sentence.textContent = question;
    sentence.id = "confirm-question";
    dialog.className = "confirm";
    dialog.setAttribute("aria-labelledby", sentence.id);
    form.method = "dialog";
    cancel.autofocus = true;  // Enter alone does nothing
    form.append(sentence, button(yes, "yes"), cancel);
    dialog.append(form);
    document.body.append(dialog);
    dialog.showModal();
    return new Promise((answered) => {
      dialog.addEventListener("close", () => { dialog.remove(); answered(dialog.returnValue === "yes"); });
    });
  }

  const filled = (form, question) => question.replace(/\{(\w+)\}/g, (whole, name) => {  // {action}: what is chosen in that field
    const field = form.elements[name];
    return field ? field.selectedOptions?.[0].textContent ?? field.value : whole;
  });
  let agreed = null;
  document.addEventListener("submit", async (event) => {  // before htmx sees it
    const form = event.target, submitter = event.submitter;
    const asking = submitter?.dataset.confirm ? submitter : form;
    if (!asking.dataset.confirm || agreed === form) { agreed = null; return; }
    event.preventDefault();
    event.stopImmediatePropagation();
    const yes = asking.dataset.confirmYes ?? (submitter?.textContent.trim() || "Yes");
    if (!await ask(filled(form, asking.dataset.confirm), yes)) { submitter?.focus(); return; }
    agreed = form;
    form.requestSubmit(submitter);
    agreed = null;
  }, { capture: true });

  const picks = (name) => [...document.querySelectorAll(`input[name="${name}"]`)];
  document.addEventListener("change", ({ target }) => {  // check boxes of rows: all of a page, and how many there are
    const all = target.dataset?.all, name = all ?? target.name;
    if (all) for (const one of picks(all)) one.checked = target.checked;
    const count = document.querySelector(`[data-count="${CSS.escape(name)}"]`);
    if (count) count.textContent = `(${picks(name).filter((one) => one.checked).length})`;
  });

  const SENT = "stillhunt-sent";
  const who = document.querySelector(".who summary")?.textContent ?? "";
  const action = (form) => form.getAttribute("action");
  const controls = (form) => [...form.elements].filter((one) => one.name && !["hidden", "submit"].includes(one.type));
  function sent() {  // of this tab, until it is known to be saved; a browser may refuse to keep anything
    try {
      return JSON.parse(sessionStorage.getItem(SENT));
    } catch { return null; }
  }
  function keep(what) {
    try {
      sessionStorage.setItem(SENT, JSON.stringify(what));
    } catch { /* then it is lost, as without scripts */ }
  }
  function putBack(form, fields) {
    for (const one of controls(form)) if (Object.hasOwn(fields, one.name)) one.value = fields[one.name];
    for (let fold = form.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    const sentence = document.createElement("p");
    sentence.className = "notice";
    sentence.setAttribute("role", "status");
    sentence.textContent = "What you wrote was not saved. It is here again: look at what stands now, and send it once more.";
    form.prepend(sentence);
    form.scrollIntoView({ block: "center" });
  }
  const kept = sent();
  if (kept && who) {
    const form = [...document.querySelectorAll("form[data-guard]")].find((one) => action(one) === kept.action);
    const over = document.querySelector("[data-done]");  // it was saved
    if (form || over || kept.who !== who) keep(null);
    if (form && !over && kept.who === who) putBack(form, kept.fields);
  }
  if (document.querySelector("[data-done]")) {  // said once: not again in a link, or when the reader comes back
    const here = new URL(location.href);
    here.searchParams.delete("done");
    history.replaceState(history.state, "", here);
  }
  const sending = (form) => ({ who, action: action(form), fields: Object.fromEntries(controls(form).map((one) => [one.name, one.value])) });
  addEventListener("pagehide", () => {  // whatever takes the reader away: an ended session, too
    const form = leaving ? null : guarded(document).find(changed);
    if (form && who) keep(sending(form));
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented) return;
    if (form.matches("[data-guard]") && changed(form)) {
      keep(sending(form));
    } else if (action(form) === "/sign-out") keep(null);
    leaving = form;
  });

  async function goOn(form) {  // several campaigns, some at a time: each answer says how far it is, until the reader stops it
    let going = true;
    while (form && going) {
      const stop = document.querySelector("[data-stop]");
      if (stop) { stop.hidden = false; stop.onclick = () => { going = false; stop.disabled = true; }; }
      const answer = await fetch(action(form), { method: "POST", body: new URLSearchParams(new FormData(form)) }).catch(() => null);
      if (!answer?.ok || answer.redirected) return stillhunt.say("It stopped: press Go on to try again");
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      document.querySelector("main").replaceWith(page.querySelector("main"));
      stillhunt.say(document.querySelector("h1").textContent);
      form = document.querySelector("form[data-goes-on]");
    }
  }
  goOn(document.querySelector("form[data-goes-on]"));
})();
