"use strict";
// The members tables: the page holds every row as plain HTML, and DataTables searches, orders and pages it in place.
(() => {
  const FIRST_ROWS = 50;
  const AT_ONCE = 2000;  // rows that a page of the table may hold, and that are prepared while the report opens; more wait
  const FILTER_VALUES = 40;
  const BETWEEN_VALUES = "; ";
  const said = document.getElementById("said");
  const say = (text) => { said.textContent = text; setTimeout(() => { if (said.textContent === text) said.textContent = ""; }, 4000); };
  const plural = (count, noun) => `${count.toLocaleString("en-US")} ${noun}${count === 1 ? "" : "s"}`;

  async function copy(lines, noun, button) {
    let done = true;
    try {
      await navigator.clipboard.writeText(lines.join("\n"));
    } catch {  // no clipboard on pages that are served without TLS
      const box = document.createElement("textarea");
      box.value = lines.join("\n");
      document.body.append(box);
      box.select();
      done = document.execCommand("copy");
      box.remove();
      button.focus();
    }
    say(done ? `${plural(lines.length, noun)} copied` : "The browser does not allow copying: select the text instead");
  }
  for (const button of document.querySelectorAll("button.copy")) {
    button.hidden = false;
    button.addEventListener("click", () => copy([...button.parentElement.querySelectorAll("code")].map((id) => id.textContent), "id", button));
  }

  // where a spreadsheet would read a formula: at the beginning of a cell, which in some countries a semicolon ends; as in export
  const FORMULA = /((?:^|;)\s*)(?=[=+\-@'\uff1d\uff0b\uff0d\uff20])/g;
  const field = (text) => `"${text.replace(FORMULA, "$1'").replaceAll('"', '""')}"`;
  const accountOf = (row) => row.cells[0].dataset.id ?? row.cells[0].textContent;  // not trimmed: an id may begin with a space
  const verdictPlace = (table) => [...table.tHead.rows[0].cells].findIndex((head) => head.textContent.trim() === "Verdict");
  const number = (text) => text.replaceAll(",", "");

  function download(view, name) {
    const heads = [...view.table().header().rows[0].cells];
    const figure = heads.map((head) => head.dataset.kind === "figure");
    const lines = [heads.map((head) => field(head.textContent.trim())).join(",")];
    for (const row of shownRows(view)) {
      const texts = [...row.cells].map((cell, i) => figure[i] ? number(cell.textContent.trim()) : cell.textContent.trim());
      lines.push([accountOf(row), ...texts.slice(1)].map(field).join(","));
    }
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob(["\ufeff", lines.join("\r\n"), "\r\n"], { type: "text/csv;charset=utf-8" }));
    link.download = `stillhunt-${name.replace(/[^A-Za-z0-9_-]+/g, "_").slice(0, 64)}-members.csv`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    say(`${plural(lines.length - 1, "account")} written to ${link.download}`);
  }
  const shownRows = (view) => view.rows({ search: "applied", order: "applied" }).nodes().toArray();

  // "> 99.9 %" comes after 99.9 %, and "< 0.1 %" before 0.1 %; DataTables hands over HTML
  const edges = { "&gt; ": 0.01, "&lt; ": -0.01, "at least ": 0 };
  DataTable.type("figure", { detect: () => false, order: { pre: (html) => {
    const edge = Object.keys(edges).find((words) => html.startsWith(words)) || "";
    return parseFloat(number(html.slice(edge.length))) + (edges[edge] || 0);
  } } });

  function addFilters(view, place, apply) {
    const choices = [], verdict = verdictPlace(view.table().node());
    [...view.table().header().rows[0].cells].forEach((head, i) => {
      if (head.dataset.kind !== "choice") return;
      const values = new Set();
      for (const cell of view.column(i).nodes().toArray()) {
        for (const text of cell.textContent.trim().split(BETWEEN_VALUES)) values.add(text);
        if (values.size > FILTER_VALUES) return;  // too many to choose from: the search finds them
      }
      if (values.size < 2 && i !== verdict) return;
      const label = document.createElement("label"), select = document.createElement("select");
      select.append(new Option("all", "*"));
      // a prefix keeps what a log says from being taken for "all"
      for (const text of [...values].sort()) select.append(new Option(text || "not known", `=${text}`));
      label.append(`${head.textContent.trim()} `, select);
      place.append(label, " ");
      select.addEventListener("change", apply);
      choices.push([i, select]);
    });
    return choices;
  }

  function prepare(table) {
    if (table.classList.contains("ready")) return;
    const heads = [...table.tHead.rows[0].cells];
    const view = new DataTable(table, {
      autoWidth: false,
      order: [],
      pageLength: FIRST_ROWS,
      lengthMenu: [FIRST_ROWS, 250, table.tBodies[0].rows.length > AT_ONCE ? 1000 : { label: "all", value: -1 }],
      layout: { topStart: null, topEnd: null, bottomStart: ["info", "pageLength"], bottomEnd: "paging" },
      columns: heads.map((head) => ({ type: head.dataset.kind === "figure" ? "figure" : "string", orderSequence: head.dataset.kind === "figure" ? ["desc", "asc"] : ["asc", "desc"] })),
      language: {
        emptyTable: "No account", zeroRecords: "No account matches", info: "_START_ to _END_ of _TOTAL_ accounts",
        infoEmpty: "No account", infoFiltered: "(of _MAX_)", lengthMenu: "_MENU_ on a page", thousands: ",",
      },
    });
    const tools = table.closest("section").querySelector(".tools");
    const search = tools.querySelector("input");
    const verdict = verdictPlace(table);
    const flagged = () => shownRows(view).filter((row) => row.cells[verdict].textContent.trim() === "act");
    const copiers = [[".copy-flagged", flagged, "", "flagged id"], [".copy-all", () => shownRows(view), "all ", "id"]];
    for (const [name, rows] of copiers) {
      const button = tools.querySelector(name);
      button.addEventListener("click", () => copy(rows().map(accountOf), "account id", button));
    }
    const count = () => {  // a button says how many of the accounts in view it copies
      for (const [name, rows, all, noun] of copiers) {
        const button = tools.querySelector(name), number = rows().length;
        button.textContent = `Copy ${all}${plural(number, noun)}`;
        button.disabled = number === 0;
      }
    };
    let choices = [];
    const apply = () => {
      view.search(search.value);
      for (const [i, select] of choices) {
        const wanted = select.value.slice(1);
        view.column(i).search(select.value === "*" ? "" : (text) => text.trim().split(BETWEEN_VALUES).includes(wanted));
      }
      view.draw();
      count();
    };
    choices = addFilters(view, tools.querySelector(".filters"), apply);
    search.addEventListener("input", apply);
    count();
    tools.querySelector(".csv").addEventListener("click", () => download(view, table.dataset.name));
    const box = table.closest(".dt-layout-table");
    box.tabIndex = 0;
    box.setAttribute("role", "region");
    box.setAttribute("aria-label", `Members of campaign ${table.dataset.name}`);
    tools.hidden = false;
    table.classList.add("ready");
    let before = null;
    addEventListener("beforeprint", () => {  // paper shows every member
      before = [view.page.len(), view.page()];
      view.search("");
      for (const [i] of choices) view.column(i).search("");
      view.page.len(-1).draw();
    });
    addEventListener("afterprint", () => {
      if (before === null) return;
      view.page.len(before[0]);
      apply();
      view.page(before[1]).draw("page");
      before = null;
    });
  }

  const tables = [...document.querySelectorAll("table.members")];
  if (tables.reduce((rows, table) => rows + table.tBodies[0].rows.length, 0) <= AT_ONCE) {
    tables.forEach(prepare);
  } else {
    const near = new IntersectionObserver((entries) => {
      for (const entry of entries) if (entry.isIntersecting) { near.unobserve(entry.target); prepare(entry.target.querySelector("table.members")); }
    }, { rootMargin: "600px" });
    tables.forEach((table) => near.observe(table.closest("section")));
  }
})();
