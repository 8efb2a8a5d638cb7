// What the page shows of the documents: elements made of schemas, operations and events. Text only ever becomes text.

/** An element with properties, attributes (whose names hold a hyphen, or are role, href or id) and children. */
export function el(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key === "class") element.className = value;
    else element.setAttribute(key, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

/** Text in which `code` is shown as code. */
export function prose(text) {
  return text.split("`").map((part, index) => (index % 2 ? el("code", {}, part) : part));
}

/** A whole number that may be sent as text too; which is said once, beside its type. */
const isDigits = (schema) => schema.pattern === "^[0-9]{1,16}$";
const nameOf = (ref) => ref.split("/").at(-1);
const between = (items, separator) => items.flatMap((item, index) => (index ? [separator, item] : [item]));
const json = (value) => JSON.stringify(value, null, 2);

/** The anchor of a shared object. */
export const anchorOf = (name) => `object-${name}`;

/** The fewest words for a type, with links to objects. */
export function type(schema) {
  if (schema.$ref) return [el("a", { href: `#${anchorOf(nameOf(schema.$ref))}` }, nameOf(schema.$ref))];
  if (schema.enum || "const" in schema) {
    return between((schema.enum ?? [schema.const]).map((value) => el("code", {}, JSON.stringify(value))), " | ");
  }
  if (schema.anyOf) return between(schema.anyOf.filter((one) => !isDigits(one)).map(type), " | ");
  if (schema.allOf) return between(schema.allOf.filter((part) => part.$ref || part.type).map(type), " & ");
  if (schema.type === "array") return ["list of ", type(schema.items ?? {})];
  if (schema.type === "object" && schema.additionalProperties?.type) return ["object of ", type(schema.additionalProperties)];
  return [schema.format && schema.format !== "binary" ? `${schema.type} (${schema.format})`
    : schema.format === "binary" ? "file" : schema.type ?? (schema.description ? "" : "anything")];
}

/** What is asked of a value beside its type, in words. */
function limits(schema) {
  const parts = [];
  for (const one of [schema, ...(schema.anyOf ?? [])]) {
    if (one.minLength > 1) parts.push(`at least ${one.minLength} characters`);
    if (one.maxLength) parts.push(`at most ${one.maxLength} characters`);
    if (one.minimum > 0) parts.push(`from ${one.minimum}`);
    if (one.maximum && one.maximum < Number.MAX_SAFE_INTEGER) parts.push(`up to ${one.maximum}`);
    if (one.maxItems) parts.push(`at most ${one.maxItems}`);
    if (one.pattern?.length > 5 && !isDigits(one)) parts.push(`like ${one.pattern}`);
    if (isDigits(one)) parts.push("also as text");
  }
  if ("default" in schema && schema.default !== "") parts.push(`${JSON.stringify(schema.default)} if left out`);
  return parts.join(", ");
}

function row(name, schema, isRequired, description) {
  return el("tr", {},
    el("th", { scope: "row" }, el("code", {}, name), isRequired ? null : el("span", { class: "optional" }, " optional")),
    el("td", {}, el("div", { class: "type" }, type(schema)), prose(description ?? schema.description ?? ""),
      limits(schema) ? el("div", { class: "limits" }, limits(schema)) : null));
}

function table(caption, rows) {
  return rows.length ? el("table", {}, el("caption", {}, caption), el("tbody", {}, rows)) : null;
}

/** The fields of an object; of a list of alternatives each. */
export function fields(schema, caption) {
  if (schema.properties) {
    const required = new Set(schema.required ?? []);
    const choices = [schema.oneOf, schema.anyOf, ...(schema.allOf ?? []).map((part) => part.anyOf)].filter(Boolean)
      .map((choice) => choice.flatMap((part) => part.required ?? []));
    return [
      table(caption, Object.entries(schema.properties).map(([name, field]) => row(name, field, required.has(name))))
        ?? el("p", {}, `${caption}: none.`),
      choices.map((names) => el("p", { class: "limits" }, "One of ",
        between(names.map((name) => el("code", {}, name)), ", "), " has to be there.")),
      schema.additionalProperties === true ? el("p", { class: "limits" }, "Further fields are passed on as they are.") : null,
    ];
  }
  return el("p", {}, `${caption}: `, type(schema));
}

/** What was recorded, with what it is. */
function example(caption, text) {
  return el("figure", {}, el("figcaption", {}, caption), el("pre", {}, el("code", {}, text)));
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** A request as a command of a shell, with its JSON or its form. */
function curl(asked, body, form, isSigned) {
  const [method, ...path] = asked.split(" ");
  const lines = [`curl ${method === "GET" ? "" : `-X ${method} `}"$URL${encodeURI(path.join(" "))}"`];
  if (isSigned) lines.push("-H \"Authorization: Bearer $TOKEN\"");
  if (body !== undefined) lines.push("-H 'Content-Type: application/json'", `-d ${quoted(JSON.stringify(body))}`);
  for (const [name, value] of Object.entries(form ?? {})) {
    for (const one of [value].flat()) lines.push(`-F ${quoted(`${name}=${one}`)}`);
  }
  return lines.join(" \\\n  ");
}

/** All that is said of an operation over HTTP. */
export function operation(document, { operation: declared }) {
  const refer = (part) => (part.$ref ? part.$ref.slice(2).split("/").reduce((found, key) => found[key], document) : part);
  const parameters = (place) => declared.parameters.filter((each) => each.in === place);
  const content = Object.entries(declared.requestBody?.content ?? {});
  const bodies = declared.requestBody?.content["application/json"]?.examples ?? {};
  const forms = declared.requestBody?.content["multipart/form-data"]?.examples ?? {};
  const answers = Object.entries(declared.responses).map(([status, answer]) => [status, refer(answer)]);
  const isSigned = declared.security.length > 0;
  const describe = (status, answer) => row(status, Object.values(answer.content ?? {})[0]?.schema ?? { type: "no body" }, true,
    [answer.description, ...Object.keys(answer.headers ?? {}).map((name) => `With \`${name}\`.`)].join(" "));
  return [
    declared.description ? el("p", {}, prose(declared.description)) : null,
    el("p", { class: "limits" }, isSigned
      ? `Needs a token${declared.security.some((each) => each.signature) ? ", or the signature in the address that the server gave out" : ""}.`
      : "Needs no token."),
    ["path", "query", "header"].map((place) => table(`In the ${place}`, parameters(place).map((each) =>
      row(each.name, each.schema, each.required, each.description)))),
    content.map(([kind, { schema }]) => fields(refer(schema), kind === "application/json" ? "Body" : `Or as ${kind}`)),
    table("Answers", answers.filter(([, answer]) => !isError(answer)).map(([status, answer]) => describe(status, answer))),
    answers.filter(([, answer]) => !isError(answer)).flatMap(([status, answer]) =>
      Object.entries(answer["x-requests"] ?? {}).map(([name, asked]) => {
        const recorded = answer.content?.["application/json"]?.examples?.[name];
        return [
          example(`Example: ${name}`, curl(asked, bodies[name]?.value, forms[name]?.value, isSigned)),
          recorded ? example(`Answered with ${status}`, json(recorded.value)) : el("p", {}, `Answered with ${status}.`)];
      })),
    table("Errors", answers.filter(([, answer]) => isError(answer)).map(([status, answer]) =>
      row(status, { enum: codes(answer) }, true, answer.description))),
  ];
}

const errorCode = (answer) => Object.values(answer.content ?? {})[0]?.schema?.allOf?.[1]?.properties?.code;
const isError = (answer) => errorCode(answer) !== undefined;
const codes = (answer) => errorCode(answer).enum;

/** All that is said of an event. */
export function event(document, { messages, replies, isSent, namespaces, name }) {
  const shared = document.components.schemas;
  const refer = (schema) => (schema.$ref ? shared[nameOf(schema.$ref)] : schema);
  const payload = messages[0].payload;
  const [acknowledged] = replies;
  const recorded = messages[0].examples ?? [];
  const acknowledgements = acknowledged?.examples ?? [];
  return [
    el("p", { class: "limits" }, "On ", between(namespaces.map((each) => el("code", {}, each)), ", "), "."),
    payload.$ref ? el("p", {}, "Payload: ", type(payload)) : null,
    fields(refer(payload), "Payload"),
    (acknowledged?.payload.anyOf ?? (acknowledged ? [acknowledged.payload] : [])).map((each) =>
      fields(refer(each), name === "connect" ? "Answered with" : "Acknowledged with")),
    isSent && name !== "connect"
      ? el("p", {}, "What can't be done is acknowledged with ", el("code", {}, "ok: false"), " and the fields of ",
        type({ $ref: "ErrorObject" }), ", and told by the event ", el("code", {}, "error"), "."
      ) : null,
    recorded.map((each) => example("Example", isSent
      ? `await socket.emitWithAck(${JSON.stringify(name)}, ${json(each.payload)})`
      : `socket.on(${JSON.stringify(name)}, (data) => …)`)),
    isSent ? null : recorded.map((each) => example("Told", json(each.payload))),
    acknowledgements.map((each) => example("Acknowledged with", json(each.payload))),
  ];
}
