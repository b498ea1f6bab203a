// The page frame's behaviour: colours, chapters, search, tabs, callouts, contents, copying. No outside request.
"use strict";

const root = document.documentElement;

function keep(name, value) {
  try { localStorage.setItem(name, value); } catch (error) { /* storage is off: nothing is remembered */ }
}

function colours() {
  const button = document.querySelector("button.theme");
  const show = () => {
    const dark = root.dataset.theme === "dark";
    button.setAttribute("aria-pressed", String(dark));
  };
  button.addEventListener("click", () => {
    root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
    keep("theme", root.dataset.theme);
    show();
  });
  show();
}

function chapters() {
  const button = document.querySelector("button.menu");
  const sidebar = document.getElementById("sidebar");
  const set = (open) => {
    sidebar.classList.toggle("open", open);
    button.setAttribute("aria-expanded", String(open));
  };
  button.addEventListener("click", () => set(!sidebar.classList.contains("open")));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && sidebar.classList.contains("open")) { set(false); button.focus(); }
  });
}

function tabs() {
  for (const set of document.querySelectorAll(".panel-tabset")) {
    const links = [...set.querySelectorAll('[role="tab"]')];
    const choose = (chosen, focus) => {
      for (const link of links) {
        const active = link === chosen;
        link.classList.toggle("active", active);
        link.setAttribute("aria-selected", String(active));
        link.tabIndex = active ? 0 : -1;
        document.getElementById(link.getAttribute("aria-controls")).hidden = !active;
      }
      if (focus) chosen.focus();
    };
    links.forEach((link, place) => {
      link.addEventListener("click", (event) => { event.preventDefault(); choose(link, false); });
      link.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (step) { event.preventDefault(); choose(links[(place + step + links.length) % links.length], true); }
        if (event.key === " " || event.key === "Enter") { event.preventDefault(); choose(link, false); }
      });
    });
    choose(links[0], false);
  }
}

function callouts() {
  for (const header of document.querySelectorAll(".callout-header[aria-expanded]")) {
    const body = document.getElementById(header.getAttribute("aria-controls"));
    const set = (open) => { header.setAttribute("aria-expanded", String(open)); body.hidden = !open; };
    const turn = () => set(header.getAttribute("aria-expanded") !== "true");
    header.addEventListener("click", turn);
    header.addEventListener("keydown", (event) => {
      if (event.key === " " || event.key === "Enter") { event.preventDefault(); turn(); }
    });
    set(header.getAttribute("aria-expanded") === "true");
  }
}

function contents() {
  const links = new Map([...document.querySelectorAll("aside.toc a")].map((a) => [a.hash.slice(1), a]));
  if (!links.size || !("IntersectionObserver" in window)) return;
  const headings = [...links.keys()].map((id) => document.getElementById(id)).filter(Boolean);
  const mark = () => {
    let current = headings[0];
    for (const heading of headings) if (heading.getBoundingClientRect().top < 120) current = heading;
    for (const [id, link] of links) {
      if (id === current.id) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  };
  document.addEventListener("scroll", mark, { passive: true });
  mark();
}

function copying() {
  if (!navigator.clipboard) return;
  for (const listing of document.querySelectorAll("main div.sourceCode")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(listing.querySelector("pre").innerText);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
    listing.append(button);
  }
}

function boxes() {
  // What scrolls sideways must be reachable by keyboard.
  let listings = 0;
  for (const box of document.querySelectorAll("figure.quarto-float-tbl > div, main pre")) {
    if (box.scrollWidth > box.clientWidth) {
      box.tabIndex = 0;
      box.setAttribute("role", "region");
      const caption = box.getAttribute("aria-describedby");
      if (caption) box.setAttribute("aria-labelledby", caption);
      else box.setAttribute("aria-label", `Listing ${++listings}`);
    }
  }
}

function search() {
  const dialog = document.querySelector("dialog.search");
  const field = dialog.querySelector("input");
  const list = dialog.querySelector("ol");
  const state = dialog.querySelector(".search-state");
  let entries = null;

  async function load() {
    if (entries) return;
    try {
      entries = await (await fetch("search.json")).json();
    } catch (error) {
      state.textContent = "Search needs the pages to come from a web server.";
    }
  }
  function excerpt(text, words) {
    const place = Math.max(0, text.toLowerCase().indexOf(words[0]) - 50);
    const piece = (place ? "… " : "") + text.slice(place, place + 170) + (text.length > place + 170 ? " …" : "");
    const line = document.createElement("span");
    const escaped = words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    for (const part of piece.split(new RegExp(`(${escaped.join("|")})`, "gi"))) {
      const hit = words.includes(part.toLowerCase());
      const node = hit ? document.createElement("mark") : document.createTextNode(part);
      if (hit) node.textContent = part;
      line.append(node);
    }
    return line;
  }
  function find() {
    list.replaceChildren();
    const words = field.value.toLowerCase().split(/\s+/).filter((word) => word.length > 1);
    if (!words.length || !entries) { if (entries) state.textContent = ""; return; }
    const rated = entries.map((entry) => {
      const heading = `${entry.title} ${entry.section}`.toLowerCase();
      const text = entry.text.toLowerCase();
      let score = 0;
      for (const word of words) {
        if (!heading.includes(word) && !text.includes(word)) return { entry, score: 0 };
        score += (heading.includes(word) ? 10 : 0) + Math.min(5, text.split(word).length - 1);
      }
      return { entry, score };
    }).filter((row) => row.score).sort((a, b) => b.score - a.score).slice(0, 12);
    state.textContent = rated.length ? `${rated.length} found` : "Nothing found.";
    for (const { entry } of rated) {
      const item = document.createElement("li");
      const link = document.createElement("a");
      link.href = entry.href;
      const title = document.createElement("strong");
      title.textContent = entry.section ? `${entry.title} › ${entry.section}` : entry.title;
      link.append(title, excerpt(entry.text, words));
      link.addEventListener("click", () => dialog.close());
      item.append(link);
      list.append(item);
    }
  }
  async function open() {
    if (dialog.open) return;
    dialog.showModal();
    field.focus();
    await load();
    find();
  }
  document.querySelector("button.search-open").addEventListener("click", open);
  field.addEventListener("input", find);
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if ((event.key === "/" && !typing) || (event.key === "k" && (event.ctrlKey || event.metaKey))) {
      event.preventDefault();
      open();
    }
  });
  dialog.addEventListener("keydown", (event) => {
    const links = [...list.querySelectorAll("a")];
    const place = links.indexOf(document.activeElement);
    if (event.key === "ArrowDown" && links.length) {
      event.preventDefault();
      links[Math.min(place + 1, links.length - 1)].focus();
    } else if (event.key === "ArrowUp" && links.length) {
      event.preventDefault();
      (place > 0 ? links[place - 1] : field).focus();
    } else if (event.key === "Enter" && document.activeElement === field) {
      event.preventDefault();
      if (links.length) links[0].click();
    }
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
}

colours();
chapters();
tabs();
callouts();
contents();
copying();
boxes();
search();
