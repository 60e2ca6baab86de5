"use strict";
// The pages work without this: it adds the search, and what a node reads and is read by when it is pointed at.
for (const input of document.querySelectorAll("input[data-filters]")) {
  input.closest("[hidden]")?.removeAttribute("hidden");
  const lists = document.querySelectorAll(input.dataset.filters);
  const none = document.getElementById("none");
  const filter = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    for (const list of lists) {
      let inList = 0;
      for (const item of list.querySelectorAll("[data-search]")) {
        const fits = words.every((word) => item.dataset.search.includes(word));
        item.hidden = !fits;
        inList += fits;
      }
      list.hidden = !inList;
      found += inList;
    }
    none.hidden = found > 0;
  };
  input.addEventListener("input", filter);
  filter(); // a browser keeps what was typed when a page is reloaded
}

for (const graph of document.querySelectorAll(".graph")) {
  const nodes = new Map([...graph.querySelectorAll("[data-node]")].map((node) => [node.dataset.node, node]));
  const edges = [...graph.querySelectorAll("[data-start]")];
  const near = { up: new Map(), down: new Map() };
  for (const edge of edges) {
    const { start, end } = edge.dataset;
    near.down.set(start, [...(near.down.get(start) ?? []), [end, edge]]);
    near.up.set(end, [...(near.up.get(end) ?? []), [start, edge]]);
  }
  const reached = (name) => {
    const found = new Set([nodes.get(name)]);
    for (const ways of [near.up, near.down]) {
      const frontier = [name], seen = new Set(frontier);
      while (frontier.length) {
        for (const [other, edge] of ways.get(frontier.pop()) ?? []) {
          found.add(edge).add(nodes.get(other));
          if (!seen.has(other)) { seen.add(other); frontier.push(other); }
        }
      }
    }
    return found;
  };
  const show = (lit) => {
    for (const part of [...nodes.values(), ...edges]) part.classList.toggle("dim", lit !== null && !lit.has(part));
    for (const edge of edges) edge.classList.toggle("lit", lit !== null && lit.has(edge));
  };
  for (const [name, node] of nodes) {
    for (const event of ["mouseenter", "focusin"]) node.addEventListener(event, () => show(reached(name)));
    for (const event of ["mouseleave", "focusout"]) node.addEventListener(event, () => show(null));
  }

  const tools = document.querySelector(".tools");
  if (!tools || !graph.contains(graph.querySelector("svg"))) continue;
  const svg = graph.querySelector("svg"), [, , width, height] = svg.getAttribute("viewBox").split(" ").map(Number);
  let scale = 1;
  const zoom = (wanted) => {
    scale = Math.min(3, Math.max(0.1, wanted));
    svg.setAttribute("width", width * scale);
    svg.setAttribute("height", height * scale);
  };
  const steps = {
    in: () => zoom(scale * 1.25),
    out: () => zoom(scale / 1.25),
    fit: () => zoom(Math.min((graph.clientWidth - 2) / width, (window.innerHeight * 0.8) / height, 1)),
  };
  for (const button of tools.querySelectorAll("[data-zoom]")) button.addEventListener("click", steps[button.dataset.zoom]);
  const input = tools.querySelector("input");
  input.addEventListener("input", () => {
    const word = input.value.trim().toLowerCase();
    const found = [...nodes].filter(([name]) => name.toLowerCase().includes(word)).map(([, node]) => node);
    show(word ? new Set(found) : null);
    if (word && found.length) found[0].scrollIntoView({ block: "center", inline: "center" });
  });
  tools.hidden = false;
  if (width > graph.clientWidth) steps.fit();
  if (scale < 0.6) zoom(0.6); // smaller than that, no name can be read
}
