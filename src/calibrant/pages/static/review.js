// Review without loading the page anew: keys, drafts, leases, and verdicts that survive a lost connection. The page is a
// plain form without it. Every key stands beside its control as data-key, and pressing it does what pressing that does.
"use strict";
(() => {
  const main = document.querySelector("#main"), toast = document.querySelector("#toast"), kept = document.querySelector("#kept");
  const who = main.dataset.who, token = document.body.dataset.token, POLL = 5000, UNSENT = `calibrant-unsent:${who}`;
  const html = window.trustedTypes ? trustedTypes.createPolicy("pages", { createHTML: (text) => text }) : { createHTML: (text) => text };
  const find = (selector, within = document) => within.querySelector(selector);
  let busy = false, ahead = 0, active = Date.now(), renewing = false, ticking = 0, last = null, later = 0, fading = 0, chosen = null;

  // What a browser keeps. Where it keeps nothing all works, but for what is lost with the page.
  const keep = {
    get: (name) => { try { return localStorage.getItem(name); } catch { return null; } },
    set: (name, value) => { try { if (value === null) localStorage.removeItem(name); else localStorage.setItem(name, value); } catch { /* full, or not allowed */ } },
  };
  const unsent = () => JSON.parse(keep.get(UNSENT) || "[]");
  const change = (edit) => { const all = edit(unsent()); keep.set(UNSENT, all.length ? JSON.stringify(all) : null); return all.length; };

  const element = (name, text, attributes = {}) => { const made = document.createElement(name); if (text) made.textContent = text; for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value); return made; };
  const now = () => (Date.now() + ahead) / 1000;
  const item = () => find("#item")?.dataset ?? null;
  const forget = (id) => { for (const field of ["own", "correction", "note"]) keep.set(draftOf(id, field), null); };
  const draftOf = (id, field) => `calibrant-draft:${who}:${id}:${field}`;

  function say(text, { undo = "", until = 0 } = {}) {
    clearInterval(ticking);
    const box = element("div", "", { class: "toast" });
    box.append(element("span", text));
    if (undo && until > now()) {
      const button = element("button", "Undo ", { type: "button", "data-key": "u" }), left = element("span", "", { class: "num", "aria-hidden": "true" });
      button.append(element("kbd", "u"), " ", left);
      button.addEventListener("click", () => takeBack(undo));
      box.append(button);
      const tick = () => { const seconds = Math.ceil(until - now()); left.textContent = `${seconds} s`; if (seconds <= 0) { clearInterval(ticking); toast.replaceChildren(); last = null; ready(); } };
      tick();
      ticking = setInterval(tick, 250);
    }
    toast.replaceChildren(...(text ? [box] : []));
    clearTimeout(fading);
    if (!undo) fading = setTimeout(() => toast.replaceChildren(), 8000);
  }

  // The page after something was done, or as it came at first.
  function arrived(first = false) {
    const told = find("#told").dataset, current = item();
    ahead = Number(told.now) * 1000 - Date.now();
    if (told.text && !first) say(told.text, { undo: told.undo, until: Number(told.until) });
    if (told.undo) last = { id: told.undo, until: Number(told.until) };
    clearTimeout(later);
    if (told.later) later = setTimeout(() => say(told.later), Math.max(0, Number(told.until) - now()) * 1000);
    const count = find(".top nav [aria-current] .count");
    if (count) { count.hidden = told.open === "0"; count.firstChild.data = told.open; }
    if (current) {
      for (const field of main.querySelectorAll("[data-draft]")) field.value = keep.get(draftOf(current.id, field.dataset.draft)) ?? field.value;
      if (find("#note")?.value) find(".fold-note").open = true;
      const form = find("#verdict");
      if (form) { form.noValidate = true; if (chosen?.id === current.id) find(`[name=grade][value="${chosen.grade}"]`, form).checked = true; ready(); }
      clock();
    }
    if (current) history.replaceState(null, "", `/review?item=${encodeURIComponent(current.id)}`); else if (!first) history.replaceState(null, "", "/review");
    if (!first) { scrollTo(0, 0); find("h1", main)?.focus({ preventScroll: true }); }
  }

  function ready() {
    const form = find("#verdict"); if (!form) return;
    const chosen = find("[name=grade]:checked", form), button = find("[value=submit]", form), words = find("[data-ready]", button);
    button.toggleAttribute("aria-disabled", false);
    if (!chosen) button.setAttribute("aria-disabled", "true");
    words.textContent = chosen ? words.dataset.ready : words.dataset.notYet;
    const undo = find("#undo-last"); if (undo) undo.hidden = !(last && last.until > now());
  }

  // One request at a time changes the page; keys are off until it is done.
  async function post(fields, { quiet = false } = {}) {
    const accept = quiet ? "application/json" : "text/html";
    return fetch("/review", { method: "POST", body: new URLSearchParams(fields), headers: { accept, "x-calibrant-part": "1", "x-calibrant-token": token }, signal: AbortSignal.timeout(20000) });
  }
  async function act(fields) {
    if (busy) return;
    busy = true; main.setAttribute("aria-busy", "true");
    try { return await taken(await post(fields)); }
    catch { say("No connection: nothing was done. Try again."); return false; }
    finally { busy = false; main.removeAttribute("aria-busy"); }
  }
  async function taken(response) {
    if (response.status === 401) { say("Your session is over. Nothing you typed is lost: sign in again."); setTimeout(() => location.assign("/login?next=/review"), 2500); return false; }
    if (response.status >= 500) { say("The store did not answer. No verdict is lost and no held answer leaves. Try again."); return false; }
    const text = await response.text();
    if (!response.headers.get("content-type")?.startsWith("text/html") || text.startsWith("<!doctype")) { location.assign("/review"); return false; }
    main.innerHTML = html.createHTML(text);
    arrived();
    return true;
  }

  async function takeBack(id) { last = null; clearTimeout(later); say("Taking it back ..."); await act({ do: "undo", item: id }); }

  // A verdict is written down here before it is sent, and crossed out when the gateway has it. Sent twice it counts once.
  async function submit(form) {
    const current = item(), chosen = find("[name=grade]:checked", form);
    if (busy || !current) return;
    if (!chosen) { find("[name=grade]", form).focus(); return say("Nothing stored: choose 1, 2 or 3 first."); }
    const fields = Object.fromEntries(new FormData(form));
    delete fields.token;
    if (fields.grade === "1") fields.correction = "";
    change((all) => [...all.filter((one) => one.item !== fields.item), { ...fields, do: "submit" }]);
    await send();
  }
  async function send() {
    const next = unsent()[0];
    if (!next || busy) return;
    busy = true; main.setAttribute("aria-busy", "true");
    try {
      const response = await post(next);
      if (response.status === 401 || response.status >= 500) throw new Error(String(response.status));
      forget(next.item);
      change((all) => all.filter((one) => one.item !== next.item));
      kept.replaceChildren();
      await taken(response);
    } catch (error) { stays(error.message); }
    finally { busy = false; main.removeAttribute("aria-busy"); }
    if (unsent().length) setTimeout(send, kept.firstChild ? POLL : 0);
  }
  function stays(why) {
    const many = unsent().length, note = element("div", "", { class: "note" }), words = element("p"), row = element("div", "", { class: "row" });
    const told = why === "401" ? "Your session is over: sign in again, and it goes out." : why.startsWith("5") ? "The store did not answer. It goes out when it does; no held answer leaves meanwhile." : "It goes out when the connection is back, once. You can close this page.";
    words.append(element("strong", `${many} ${many === 1 ? "verdict is" : "verdicts are"} kept on this device. `), told);
    const again = why === "401" ? element("a", "Sign in", { class: "btn", href: "/login?next=/review" }) : element("button", "Try now", { class: "btn", type: "button" });
    if (why !== "401") again.addEventListener("click", send);
    row.append(again);
    const box = element("div"); box.append(words, row); note.append(box);
    kept.replaceChildren(note);
    say("");
  }

  // A lease is renewed while somebody is here, and lost when nobody is.
  function clock() {
    const current = item(), place = find("#lease"); if (!current || !place) return;
    const until = Number(current.until), at = new Date(until * 1000 - ahead);
    place.textContent = `yours until ${at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })}`;
  }
  async function renew() {
    const current = item(), lost = find("#lost"); if (!current || !lost || renewing) return;
    const until = Number(current.until), total = (current.total ??= String(until - now()));
    if (until <= now()) { if (lost.hidden && !unsent().length) { lost.hidden = false; find("button", lost).focus(); } return; }
    if (until - now() > Number(total) / 2 || Date.now() - active > 60000 || document.hidden) return;
    renewing = true;
    try {
      const response = await post({ do: "renew", item: current.id }, { quiet: true });
      if (response.ok) { current.until = String((await response.json()).until); delete current.total; clock(); }
    } catch { /* it is tried again, until it is lost */ } finally { renewing = false; }
  }
  setInterval(renew, 1000);

  async function look() {
    if (find("#told")?.dataset.state !== "empty" || document.hidden || busy) return;
    try {
      const response = await fetch("/review/waiting", { headers: { accept: "application/json" } });
      const { waiting } = await response.json(), button = find("#empty [data-key=Enter]");
      if (button && waiting && !button.classList.contains("go")) { button.classList.add("go"); button.firstChild.data = "Judge it "; say(waiting === 1 ? "One answer waits." : `${waiting} answers wait.`); }
      else if (button && !waiting && button.classList.contains("go")) { button.classList.remove("go"); button.firstChild.data = "Look again "; say(""); }
    } catch { /* the next look may come through */ }
  }
  setInterval(look, POLL);

  // Keys
  const letters = find("#letters");
  letters.checked = keep.get("calibrant-letters") !== "off";
  letters.addEventListener("change", () => keep.set("calibrant-letters", letters.checked ? null : "off"));
  function scope() { return find("dialog[open]") ?? find(".blocking:not([hidden])") ?? document; }
  function step(by) {
    const links = [...document.querySelectorAll("[data-part]")]; if (!links.length) return false;
    const tops = links.map((link) => find(link.hash).getBoundingClientRect().top);
    const at = by > 0 ? tops.findIndex((top) => top > 40) : tops.findLastIndex((top) => top < -1);
    if (links[at]) links[at].click();
    return true;
  }
  function press(key) {
    const within = scope();
    if (within === document && (key === "[" || key === "]")) return step(key === "]" ? 1 : -1);
    if (within === document && key === "w" && find("#why")) { find("#why").scrollIntoView({ block: "nearest" }); find("#why").focus(); return true; }
    const target = [...within.querySelectorAll(`[data-key="${CSS.escape(key)}"]`)].find((one) => !one.disabled && (one.type === "radio" || one.offsetParent !== null || one.closest("dialog[open], #toast")));
    if (!target) return key === "c" && find("#verdict") && (say("A correction goes with partly or wrong: choose 2 or 3 first."), true);
    if (target.type === "radio") { target.checked = true; target.focus(); target.dispatchEvent(new Event("change", { bubbles: true })); }
    else if (target.matches("textarea")) target.focus();
    else target.click();
    return true;
  }
  document.addEventListener("keydown", (event) => {
    active = Date.now();
    const { key, target } = event, typing = target.matches("textarea, input:not([type=radio], [type=checkbox])"), held = event.ctrlKey || event.metaKey;
    if (event.isComposing || event.altKey || event.repeat) return;
    if (typing && key === "Escape") return target.blur();
    if (key === "Enter" && (held ? typing || target === document.body : !typing && !target.matches("a, button, summary, [type=checkbox]"))) { if (busy || press("Enter")) event.preventDefault(); return; }
    if (typing || held || key.length !== 1 || !letters.checked) return;
    if (busy || press(key)) event.preventDefault();
  });
  for (const kind of ["pointerdown", "input", "scroll"]) document.addEventListener(kind, () => { active = Date.now(); }, { passive: true });
  document.addEventListener("input", (event) => { const field = event.target.dataset?.draft, current = item(); if (field && current) keep.set(draftOf(current.id, field), event.target.value || null); });
  document.addEventListener("change", (event) => { if (event.target.name === "grade") { chosen = { id: item()?.id, grade: event.target.value }; if (toast.textContent.startsWith("Nothing stored")) say(""); ready(); } });
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-opens]"), undo = event.target.closest("#undo-last");
    if (undo && last) { event.preventDefault(); takeBack(last.id); }
    if (!opener) return;
    event.preventDefault();
    const dialog = document.getElementById(opener.dataset.opens), field = find("[name=item]", dialog);
    if (field) field.value = item()?.id ?? "";
    dialog.showModal();
  });
  document.addEventListener("submit", async (event) => {
    const form = event.target, button = event.submitter;
    if (form.method === "dialog") return;
    if (form.id === "verdict") { event.preventDefault(); return submit(form); }
    if (!("fetch" in form.dataset)) return;
    event.preventDefault();
    const fields = Object.fromEntries(new FormData(form, button));
    delete fields.token;
    form.closest("dialog")?.close();
    if (fields.do === "show" && !fields.own.trim()) { find("#mine").focus(); return say("Write a line first, or press n: I could not say."); }
    if (await act(fields) && fields.do === "skip") forget(fields.item);
  });
  addEventListener("online", send);
  arrived(true);
  const undo = find("#toast form");
  if (undo) { const told = find("#told").dataset; say(told.text, { undo: told.undo, until: Number(told.until) }); }
  send();
})();
