// The page frame's behaviour: colours, chapters, search, tabs, callouts, contents, copying. No outside request.
"use strict";

const root = document.documentElement;

function keep(name, value) {
  try { localStorage.setItem(name, value); } catch (error) { /* storage is off: nothing is remembered */ }
}

function colours() {
  const button = document.querySelector("button.theme");
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (root.dataset.theme || (system.matches ? "dark" : "light")) === "dark";
  const show = () => button.setAttribute("aria-pressed", String(dark()));
  button.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    keep("theme", root.dataset.theme);
    show();
  });
  system.addEventListener("change", show);
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
  document.addEventListener("click", (event) => {
    if (!sidebar.contains(event.target) && !button.contains(event.target)) set(false);
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
        const goal = { ArrowRight: place + 1, ArrowLeft: place - 1, Home: 0, End: links.length - 1 }[event.key];
        if (goal !== undefined) { event.preventDefault(); choose(links.at(goal % links.length), true); }
        if (event.key === " " || event.key === "Enter") { event.preventDefault(); choose(link, false); }
      });
    });
    choose(links[0], false);
  }
}

function callouts() {
  for (const header of document.querySelectorAll(".callout-header[aria-expanded]")) {
    const body = document.getElementById(header.getAttribute("aria-controls"));
    header.setAttribute("role", "button");
    header.tabIndex = 0;
    const set = (open) => {
      header.setAttribute("aria-expanded", String(open));
      // What is folded is still found by the browser's own search, and by a link to it.
      if (open) body.removeAttribute("hidden");
      else body.setAttribute("hidden", "until-found");
    };
    body.addEventListener("beforematch", () => set(true));
    const turn = () => set(header.getAttribute("aria-expanded") !== "true");
    header.addEventListener("click", turn);
    header.addEventListener("keydown", (event) => {
      if (event.key === " " || event.key === "Enter") { event.preventDefault(); turn(); }
    });
    set(header.getAttribute("aria-expanded") === "true");
  }
}

function contents() {
  const links = new Map(
    [...document.querySelectorAll(".toc a")].map((a) => [decodeURIComponent(a.hash.slice(1)), a])
  );
  const headings = [...links.keys()].map((id) => document.getElementById(id)).filter(Boolean);
  if (!headings.length) return;
  // Beside the text the contents stand open; above it, on a small screen, they would push it away.
  const fold = document.querySelector(".toc details");
  const narrow = window.matchMedia("(max-width: 1120px)");
  const unfold = () => { fold.open = !narrow.matches; };
  narrow.addEventListener("change", unfold);
  unfold();
  const mark = () => {
    let current = headings[0];
    for (const heading of headings) if (heading.getBoundingClientRect().top < 120) current = heading;
    // The last sections may be too short to reach the top.
    if (window.innerHeight + window.scrollY >= root.scrollHeight - 2) current = headings.at(-1);
    for (const [id, link] of links) {
      if (id === current.id) link.setAttribute("aria-current", "location");
      else link.removeAttribute("aria-current");
    }
  };
  document.addEventListener("scroll", mark, { passive: true });
  requestAnimationFrame(mark); // when the page is laid out anyway
}

function anchors() {
  for (const heading of document.querySelectorAll("main :is(h2, h3, h4)")) {
    const id = heading.id || heading.closest("section")?.id;
    if (!id || heading.closest(".callout, .panel-tabset")) continue;
    const link = document.createElement("a");
    link.className = "anchor";
    link.href = `#${id}`;
    link.textContent = "#";
    link.setAttribute("aria-label", `Link to ${heading.textContent.trim()}`);
    heading.append(link);
  }
}

function code() {
  // An option such as --data stays in one piece; only what is long, a digest, may break.
  for (const word of document.querySelectorAll("main :not(pre) > code")) {
    word.classList.toggle("short", word.textContent.length < 28);
  }
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
  for (const table of document.querySelectorAll("main table")) {
    if (table.closest("figure.quarto-float-tbl, .table-box")) continue;
    const box = document.createElement("div");
    box.className = "table-box";
    table.replaceWith(box);
    box.append(table);
  }
  let unnamed = 0;
  const pictures = "figure .light-content, figure .dark-content";
  for (const box of document.querySelectorAll(`figure.quarto-float-tbl > div, .table-box, main pre, ${pictures}`)) {
    if (box.scrollWidth > box.clientWidth) {
      box.tabIndex = 0;
      box.setAttribute("role", "region");
      const caption = box.getAttribute("aria-describedby");
      if (caption) box.setAttribute("aria-labelledby", caption);
      else {
        const kind = box.matches("pre") ? "Listing" : box.matches(pictures) ? "Figure" : "Table";
        box.setAttribute("aria-label", `${kind} ${++unnamed}`);
      }
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
    const hits = words.map((word) => text.toLowerCase().indexOf(word)).filter((hit) => hit >= 0);
    let place = hits.length ? Math.max(0, Math.min(...hits) - 50) : 0;
    if (place) place = text.indexOf(" ", place) + 1; // begin with a whole word
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
anchors();
code();
copying();
boxes();
search();
