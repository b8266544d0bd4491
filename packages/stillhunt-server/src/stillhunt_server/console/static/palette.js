"use strict";
// Ctrl-K: pages, campaigns, accounts and what can be done on this page, by a few letters. Campaigns come from /palette.json.
(() => {
  const SHOWN = 12;
  let campaigns = null, dialog = null, items = [], place = 0;
  const labelOf = (part) => (part.dataset.named ?? part.textContent).replace(/\s+/g, " ").trim();

  async function known() {
    if (campaigns) return campaigns;
    try {
      const answer = await fetch("/palette.json", { headers: { accept: "application/json" } });
      campaigns = answer.ok ? await answer.json() : [];
    } catch { campaigns = []; }
    return campaigns;
  }
  function offered(typed) {
    const wanted = typed.trim().toLowerCase(), has = (text) => text.toLowerCase().includes(wanted);
    const go = (href) => () => { location.href = href; };
    const found = [...document.querySelectorAll("[data-named]")].filter((part) => has(labelOf(part))).map((part) => [labelOf(part), "on this page", () => stillhunt.use(part)]);
    for (const link of document.querySelectorAll(".bar nav a")) if (has(link.textContent)) found.push([link.textContent, "page", go(link.href)]);
    for (const [id, verdict, status] of campaigns ?? []) if (has(id)) found.push([id, `campaign, ${verdict}, ${status}`, go(`/campaigns/${encodeURIComponent(id)}`)]);
    if (wanted) {
      found.splice(SHOWN - 2);
      found.push([`Search for ${typed.trim()}`, "search", go(`/search?for=${encodeURIComponent(typed.trim())}`)]);
      found.push([`Account ${typed.trim()}`, "account, if its id is just this", go(`/accounts/${encodeURIComponent(typed.trim())}`)]);
    }
    return found.slice(0, SHOWN);
  }
  function show(typed) {
    const list = dialog.querySelector("ul"), input = dialog.querySelector("input");
    items = offered(typed);
    place = Math.min(place, Math.max(items.length - 1, 0));
    list.replaceChildren(...items.map(([text, kind, act], number) => {
      const row = document.createElement("li"), small = document.createElement("span");
      row.id = `palette-${number}`;
      row.setAttribute("role", "option");
      row.setAttribute("aria-selected", String(number === place));
      small.className = "note";
      small.textContent = kind;
      row.append(text, " ", small);
      row.addEventListener("click", () => { dialog.close(); act(); });
      return row;
    }));
    input.setAttribute("aria-activedescendant", items.length ? `palette-${place}` : "");
  }
  function made() {
    const box = document.createElement("dialog"), input = document.createElement("input"), list = document.createElement("ul");
    box.className = "palette";
    box.setAttribute("aria-label", "Go to or do");
    Object.assign(input, { type: "text", placeholder: "A page, a campaign, an account, or what to do", autocomplete: "off", spellcheck: false, maxLength: 200 });
    for (const [name, value] of [["role", "combobox"], ["aria-label", "Go to or do"], ["aria-expanded", "true"], ["aria-controls", "palette-list"]]) input.setAttribute(name, value);
    list.id = "palette-list";
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", "What there is");
    input.addEventListener("input", () => { place = 0; show(input.value); });
    input.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step) { place = (place + step + items.length) % Math.max(items.length, 1); show(input.value); event.preventDefault(); }
      if (event.key === "Enter" && items[place]) { event.preventDefault(); dialog.close(); items[place][2](); }
    });
    box.append(input, list);
    document.body.append(box);
    return box;
  }
  document.addEventListener("keydown", (event) => {
    if (event.key !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    dialog ??= made();
    const input = dialog.querySelector("input");
    input.value = "";
    place = 0;
    show("");
    dialog.showModal();
    input.focus();
    known().then(() => { if (dialog.open) show(input.value); });
  });
})();
