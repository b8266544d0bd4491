"use strict";
// Light, dark or the system's theme. Loaded in <head> without defer, so that it is set before the first paint.
(() => {
  const root = document.documentElement;
  const KEPT_AS = "stillhunt-theme", CHOICES = ["system", "light", "dark"];
  root.classList.add("js");

  let choice = "system";
  try {  // a browser may refuse to keep anything
    choice = localStorage.getItem(KEPT_AS) ?? choice;
  } catch { /* the system's theme, then */ }
  if (!CHOICES.includes(choice)) choice = "system";

  const changed = () => document.dispatchEvent(new Event("stillhunt:theme"));
  function show() {
    if (choice === "system") delete root.dataset.theme;
    else root.dataset.theme = choice;
    for (const name of document.querySelectorAll("button [data-theme-name]")) name.textContent = choice;
  }
  show();
  document.addEventListener("DOMContentLoaded", show);
  document.addEventListener("htmx:load", show);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
  document.addEventListener("click", (event) => {
    if (!event.target.closest("button[data-theme]")) return;
    choice = CHOICES[(CHOICES.indexOf(choice) + 1) % CHOICES.length];
    try {
      localStorage.setItem(KEPT_AS, choice);
    } catch { /* for this page only, then */ }
    show();
    changed();
  });
})();
