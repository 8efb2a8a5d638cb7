// The page: loads both documents, lists what is in them by groups, searches, and shows each part when it is opened.
import { anchorOf, el, event, fields, operation, prose } from "./parts.js";

const METHODS = ["get", "post", "put", "patch", "delete"];
const main = document.querySelector("#main");
const search = document.querySelector("#search");
const dialects = document.querySelector("#dialect");
const slug = (text) => text.replaceAll(/[^\w]+/g, "-").replaceAll(/^-|-$/g, "").toLowerCase();

/** Everything that can be opened, in order: {id, group, kind, name, summary, text, dialect, body}. */
function entriesOf(rest, events) {
  return [...operationsOf(rest), ...eventsOf(events), ...objectsOf({ ...events.components.schemas, ...rest.components.schemas })];
}

function* operationsOf(rest) {
  for (const [path, item] of Object.entries(rest.paths)) {
    for (const method of METHODS.filter((each) => item[each])) {
      const declared = item[method];
      const tag = rest.tags.find((each) => each.name === declared.tags[0]);
      yield {
        id: `${method}-${slug(path)}`, group: `REST: ${tag.name.replaceAll("_", "-")}`, about: tag.description, kind: method.toUpperCase(),
        name: path, summary: declared.summary, text: JSON.stringify([declared.parameters, answersOf(rest, declared), declared.requestBody]),
        body: () => operation(rest, { operation: declared }),
      };
    }
  }
}

// With their errors' codes, which stand elsewhere in the document.
function answersOf(rest, { responses }) {
  return Object.entries(responses).map(([status, answer]) => [status, answer.$ref ? rest.components.responses[answer.$ref.split("/").at(-1)] : answer]);
}

/** Events; what is the same on several namespaces is one. */
function eventsOf(events) {
  const found = new Map();
  const messageOf = (ref) => events.components.messages[ref.$ref.split("/").at(-1)];
  for (const declared of Object.values(events.operations)) {
    const channel = events.channels[declared.channel.$ref.split("/").at(-1)];
    const dialect = declared.tags?.[0].name ?? "";
    const isSent = declared.action === "receive";
    const id = ["event", slug(dialect), isSent ? "sent" : "told", slug(declared.title)].filter(Boolean).join("-");
    const known = found.get(id);
    if (known) {
      known.namespaces.push(channel.address);
      continue;
    }
    const part = {
      messages: declared.messages.map(messageOf), replies: (declared.reply?.messages ?? []).map(messageOf), isSent,
      namespaces: [channel.address], name: declared.title,
    };
    found.set(id, {
      id, group: `Events: ${dialect || "every dialect"}`, about: events.info.tags.find((tag) => tag.name === dialect)?.description,
      kind: isSent ? "emit" : "on", name: declared.title, summary: declared.summary, namespaces: part.namespaces, dialect,
      text: JSON.stringify(part.messages.map((message) => message.payload)), body: () => event(events, part),
    });
  }
  return [...found.values()].sort((one, other) => one.dialect === other.dialect ? 0 : order(events, one) - order(events, other));
}

const order = (events, entry) => events.info.tags.findIndex((tag) => tag.name === entry.dialect);

function* objectsOf(schemas) {
  for (const [name, schema] of Object.entries(schemas).sort(([one], [other]) => one.localeCompare(other))) {
    yield {
      id: anchorOf(name), group: "Objects", kind: "", name, summary: schema.description ?? "", text: JSON.stringify(schema),
      body: () => fields(schema, "Fields"),
    };
  }
}

/** The element of an entry; its body is made when it is first opened. */
function elementOf(entry) {
  const details = el("details", { id: entry.id, class: "entry" },
    el("summary", {},
      entry.kind ? el("span", { class: `kind ${entry.kind.toLowerCase()}` }, entry.kind) : null, " ",
      el("code", { class: "name" }, entry.name), " ", el("span", { class: "about" }, prose(entry.summary))));
  details.addEventListener("toggle", () => {
    if (details.open && details.childElementCount === 1) details.append(el("div", { class: "body" }, bodyOf(entry)));
  });
  return details;
}

const bodyOf = (entry) => [entry.body()].flat(Infinity).filter(Boolean);

function show(entries) {
  const sections = new Map();
  for (const entry of entries) {
    if (!sections.has(entry.group)) {
      const id = slug(entry.group);
      sections.set(entry.group, el("section", { "aria-labelledby": id },
        el("h2", { id, tabindex: "-1" }, entry.group), entry.about ? el("p", {}, prose(entry.about)) : null));
    }
    entry.element = elementOf(entry);
    entry.haystack = `${entry.kind} ${entry.name} ${entry.summary} ${entry.text}`.toLowerCase();
    sections.get(entry.group).append(entry.element);
  }
  main.replaceChildren(...sections.values());
  document.querySelector("#links").replaceChildren(...[...sections].map(([group]) =>
    el("li", {}, el("a", { href: `#${slug(group)}` }, group))));
  return [...sections.values()];
}

/** Show only what has all words that are looked for, in a dialect if one is chosen. */
function filter(entries, sections) {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const wanted = (entry) => words.every((word) => entry.haystack.includes(word))
    && (!dialects.value || !entry.dialect || entry.dialect === dialects.value);
  const best = (entry) => words.every((word) => `${entry.kind} ${entry.name}`.toLowerCase().includes(word));
  const anyBest = words.length > 0 && entries.some((entry) => wanted(entry) && best(entry));
  let count = 0;
  for (const entry of entries) {
    entry.element.hidden = !wanted(entry);
    entry.element.classList.toggle("further", anyBest && !best(entry));
    count += entry.element.hidden ? 0 : 1;
  }
  for (const section of sections) section.hidden = !section.querySelector("details:not([hidden])");
  document.querySelector("#found").textContent = words.length || dialects.value ? `${count} of ${entries.length} found` : "";
}

/** Open what the address names. */
function follow() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target || target === main) return;
  if (target.hidden || target.closest("section[hidden]")) {
    search.value = "";
    dialects.value = "";
    search.dispatchEvent(new Event("input"));
  }
  if (target instanceof HTMLDetailsElement) target.open = true;
  (target.querySelector("summary") ?? target).focus();
  target.scrollIntoView();
}

async function start() {
  const [rest, events] = await Promise.all(["openapi.json", "asyncapi.json"].map(async (name) => {
    const response = await fetch(name);
    if (!response.ok) throw new Error(`${name} answered ${response.status}`);
    return response.json();
  }));
  document.querySelector("#version").textContent = rest.info.version;
  dialects.append(el("option", { value: "" }, "all"), ...events.info.tags.map((tag) => el("option", { value: tag.name }, tag.name)));
  const entries = entriesOf(rest, events);
  const sections = show(entries);
  const again = () => filter(entries, sections);
  search.addEventListener("input", again);
  dialects.addEventListener("input", again);
  document.querySelector("form").addEventListener("submit", (submitted) => submitted.preventDefault());
  document.addEventListener("keydown", (pressed) => {
    if (pressed.key === "/" && !pressed.target.closest("input, select")) {
      pressed.preventDefault();
      search.focus();
    }
  });
  const wide = matchMedia("(min-width: 60rem)");
  const fold = () => { document.querySelector("#groups").open = wide.matches; };
  wide.addEventListener("change", fold);
  fold();
  addEventListener("hashchange", follow);
  follow();
}

start().catch((error) => main.replaceChildren(el("p", { class: "failed" }, `The reference could not be loaded: ${error.message}`)));
