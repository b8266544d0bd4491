"use strict";
// What the other scripts use (the one global, `stillhunt`), times in the reader's zone, and buttons that copy.
const stillhunt = (() => {
  /** Run `action` once for each element that matches: those in the page, and those that htmx brings later. */
  function each(selector, action) {
    const done = new WeakSet();
    const visit = (part) => {
      const found = [...part.querySelectorAll(selector)];
      if (part.matches(selector)) found.unshift(part);
      for (const element of found) if (!done.has(element)) { done.add(element); action(element); }
    };
    visit(document.documentElement);
    document.addEventListener("htmx:load", (event) => { if (event.target instanceof Element) visit(event.target); });
  }

  /** Tell readers of a screen reader what happened. */
  function say(text) {
    const place = document.getElementById("said");
    if (place) place.textContent = text;
  }

  /** Run `action` when the reader comes near the element, so that what is far below costs nothing. */
  function whenNear(element, action) {
    const near = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) { near.disconnect(); action(); }
    }, { rootMargin: "400px" });
    near.observe(element);
  }

  const libraries = new Map();
  /** Load a script of this server once; the promise fails where it cannot be loaded. */
  function library(url) {
    if (!libraries.has(url)) {
      libraries.set(url, new Promise((loaded, failed) => {
        const script = document.createElement("script");
        script.src = url;
        script.onload = loaded;
        script.onerror = () => failed(new Error(`${url} did not load`));
        document.head.append(script);
      }));
    }
    return libraries.get(url);
  }

  /** Follow a link as a click does; `apart` opens it in another tab. */
  function follow(link, apart) {
    if (apart) window.open(link.href, "_blank", "noopener");
    else link.click();
  }

  /** Do what a part of the page is for: a button is pressed, of a form the first field gets the focus. */
  function use(part) {
    for (let fold = part.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    const control = "input:not([type=hidden]), select, textarea, button";
    const target = part.matches(control) ? part : part.querySelector(control) ?? part;
    if (target.matches("button")) return target.click();
    target.focus();
    target.scrollIntoView({ block: "nearest" });
  }

  return Object.freeze({ each, say, whenNear, library, follow, use });
})();

(() => {
  const two = (number) => String(number).padStart(2, "0");
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const zoneNames = Intl.DateTimeFormat("en-GB", { timeZoneName: "short" });
  const zoneAt = (time) => zoneNames.formatToParts(time).find((part) => part.type === "timeZoneName").value;

  stillhunt.each('time[datetime$="Z"]', (element) => {
    const time = new Date(element.dateTime);
    if (Number.isNaN(time.getTime())) return;
    const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
    const minute = `${two(time.getHours())}:${two(time.getMinutes())}`;
    const form = element.dataset.form;
    const text = form === "day" ? day : form === "second" ? `${day} ${minute}:${two(time.getSeconds())}` : `${day} ${minute}`;
    element.title = element.dateTime.replace("T", " ").replace("Z", " UTC");
    element.textContent = element.textContent.trim().endsWith("UTC") ? `${text} ${zoneAt(time)}` : text;
  });
  stillhunt.each("[data-zone]", (element) => { element.textContent = zone; });
})();

(() => {
  const SHOWN_MS = 2000;
  function byCommand(text) {  // on pages that are served without TLS, where browsers have no clipboard
    const give = (event) => { event.clipboardData.setData("text/plain", text); event.preventDefault(); };
    document.addEventListener("copy", give);
    const done = document.execCommand("copy");
    document.removeEventListener("copy", give);
    return done;
  }
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const source = document.getElementById(button.dataset.copy);
    const text = button.dataset.copyText ?? source?.textContent ?? "";
    let done = true;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      if (source) getSelection().selectAllChildren(source);  // so that the reader can copy it, if nothing else works
      done = byCommand(text);
    }
    stillhunt.say(done ? "Copied" : "The browser does not allow copying: the text is selected instead");
    button.classList.toggle("copied", done);
    setTimeout(() => button.classList.remove("copied"), SHOWN_MS);
  });
})();

(() => {  // a quiet word before the session ends; asking how long it lasts keeps it no longer
  if (!document.body.hasAttribute("data-session")) return;
  const BEFORE_S = 300, RETRY_MS = 60_000;
  let notice = null;
  const later = (seconds) => setTimeout(look, Math.max(1, seconds - BEFORE_S + 1) * 1000);
  async function look() {
    let seconds = 0, over = false;
    try {
      const answer = await fetch("/session.json", { headers: { accept: "application/json" } });
      over = answer.status === 401;
      seconds = over ? 0 : (await answer.json()).seconds;
    } catch { setTimeout(look, RETRY_MS); return; }
    if (!over && (!seconds || seconds > BEFORE_S)) { notice?.remove(); notice = null; if (seconds) later(seconds); return; }
    tell(over ? "Your session has ended. What you write is kept in this tab: sign in again, and it is in its form." : `You are signed out in ${Math.ceil(seconds / 60)} minutes unless you go on.`, over);
    if (!over) setTimeout(look, Math.min(seconds, 60) * 1000);
  }
  function tell(text, over) {
    if (!notice) {
      notice = document.createElement("p");
      notice.className = "notice session";
      notice.setAttribute("role", "status");
      document.querySelector("main").prepend(notice);
    }
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = over ? "Sign in" : "Stay signed in";
    button.addEventListener("click", async () => {
      if (over) return location.reload();
      await fetch("/search");  // any page that is asked for keeps the session
      await look();
    });
    notice.replaceChildren(text, " ", button);
  }
  look();
})();
