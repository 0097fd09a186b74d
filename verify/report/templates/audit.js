// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
// Search and filter. The page is whole without it; nothing is fetched, nothing is kept but the state in the address.
"use strict";
(() => {
  const form = document.getElementById("filter");
  const fields = ["q", "status", "owner", "severity"].map((name) => form.elements.namedItem(name));
  const said = document.getElementById("said");
  const kinds = [["task", "task"], ["item", "item"], ["subject", "subject"]];
  let entries = null;
  let waiting = 0;

  // Every element that can be hidden, with its text in lower case; read once.
  const index = () => {
    if (entries) return entries;
    entries = [];
    for (const [css, noun] of kinds) {
      for (const node of document.querySelectorAll("." + css)) {
        const list = (name) => " " + (node.dataset[name] || "") + " ";
        entries.push({ node, noun, text: node.textContent.toLowerCase(), s: list("s"), o: list("o"), v: list("v") });
      }
    }
    return entries;
  };

  const state = () => new URLSearchParams(fields.filter((one) => one.value).map((one) => [one.name, one.value.trim()]));

  // An address that was cut, in a mail or by hand, leads nowhere; it stops nothing.
  const plain = (text) => {
    try { return decodeURIComponent(text); } catch { return ""; }
  };

  const split = () => {
    const hash = location.hash.slice(1);
    const cut = hash.indexOf("?");
    return cut < 0 ? [plain(hash), ""] : [plain(hash.slice(0, cut)), hash.slice(cut + 1)];
  };

  const write = (target) => {
    const query = state().toString();
    history.replaceState(null, "", "#" + target + (query ? "?" + query : ""));
  };

  const has = (list, word) => !word || list.includes(" " + word + " ");

  const apply = () => {
    const [q, status, owner, severity] = fields.map((one) => one.value.trim().toLowerCase());
    const words = q.split(/\s+/).filter(Boolean);
    const any = words.length || status || owner || severity;
    const shown = {}, all = {};
    for (const one of index()) {
      const match = !any || (has(one.s, status) && has(one.o, owner) && has(one.v, severity)
        && words.every((word) => one.text.includes(word)));
      if (one.node.hidden === match) one.node.hidden = !match;
      all[one.noun] = (all[one.noun] || 0) + 1;
      if (match) shown[one.noun] = (shown[one.noun] || 0) + 1;
    }
    for (const group of document.querySelectorAll(".group")) {
      const members = group.querySelectorAll(".task, .item, .subject");
      group.hidden = members.length > 0 && [...members].every((node) => node.hidden);
    }
    document.body.classList.toggle("filtered", Boolean(any));
    said.textContent = any
      ? kinds.filter(([, noun]) => all[noun]).map(([, noun]) => (shown[noun] || 0) + " of " + all[noun] + " " + noun + "s").join(", ")
      : "";
  };

  // A link always leads somewhere: what hides its target is opened or shown.
  const reveal = (target) => {
    const node = target && document.getElementById(target);
    if (!node) return;
    for (let up = node; up && up !== document.body; up = up.parentElement) {
      if (up.hidden) up.hidden = false;
      if (up.tagName === "DETAILS") up.open = true;
    }
    for (const old of document.querySelectorAll(".aim")) old.classList.remove("aim");
    node.classList.add("aim");
    node.scrollIntoView({ block: "start" });
  };

  const read = () => {
    const [target, query] = split();
    const known = new URLSearchParams(query);
    // An address with a state says all of it: what it does not name is not filtered by.
    if (query) for (const one of fields) one.value = known.get(one.name) || "";
    apply();
    reveal(target);
  };

  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(() => { apply(); write(""); });
  });
  form.addEventListener("reset", () => setTimeout(() => { apply(); write(""); }));
  document.getElementById("open").addEventListener("click", (event) => {
    const open = event.target.getAttribute("aria-pressed") !== "true";
    event.target.setAttribute("aria-pressed", String(open));
    for (const node of document.querySelectorAll("details")) {
      if (!node.closest("[hidden]")) node.open = open || node.matches(".item.open");
    }
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches("input, select, textarea");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) { event.preventDefault(); fields[0].focus(); }
    if (event.key === "Escape" && event.target === fields[0]) form.reset();
  });
  addEventListener("hashchange", () => {
    const [target, query] = split();
    if (query) { read(); return; }
    reveal(target);
    if (state().toString()) write(target);
  });
  read();
  setTimeout(index, 200);
})();
