/** What a question of the chat page wants, and JSON as people read and write it. */

import { expect, test } from "vitest";

import { mistakeIn, plain, pretty } from "../../demo/json.js";
import { answerIn, wantedBy } from "../../demo/wanted.js";

const wanted = (schema: unknown) => wantedBy(JSON.stringify(schema));

test.each([
  ["", { kind: "words" }],
  ['{"type": "string"}', { kind: "words" }],
  ['{"type": "string", "enum": ["a", "b"]}', { kind: "choice", choices: ["a", "b"] }],
  ['{"type": "boolean"}', { kind: "choice", choices: [true, false] }],
  ['{"type": "number", "minimum": 1, "maximum": 2.5}', { kind: "number", whole: false, min: 1, max: 2.5 }],
  ['{"type": "integer"}', { kind: "number", whole: true }],
  ['{"type": "object", "properties": {}}', { kind: "json" }],
  ['{"type": ["string", "null"]}', { kind: "json" }],
  ["true", { kind: "json" }],
  ["null", { kind: "json" }],
  ["no schema", { kind: "json" }],
])("the schema %s", (schema, kind) => {
  expect(wantedBy(schema)).toEqual(kind);
});

test("words are sent as a JSON text, and white space is no answer", () => {
  expect(answerIn('an "old" bridge\n', { kind: "words" })).toBe('"an \\"old\\" bridge\\n"');
  expect(answerIn(" \n", { kind: "words" })).toBeUndefined();
});

test("a number is within its bounds, and whole if that is wanted", () => {
  const grade = wanted({ type: "integer", minimum: 1, maximum: 6 });
  expect(["1", "6"].map((text) => answerIn(text, grade))).toEqual(["1", "6"]);
  for (const text of ["0", "7", "1.5", "", "one"]) expect(answerIn(text, grade)).toBeUndefined();
  expect(answerIn("-1.5e3", wanted({ type: "number" }))).toBe("-1.5e3");
});

test("any JSON, and nothing else, answers what this page has no field for", () => {
  expect(answerIn('{"a": 12345678901234567890}', { kind: "json" })).toBe('{"a": 12345678901234567890}');
  expect(answerIn("{a: 1}", { kind: "json" })).toBeUndefined();
});

test("JSON is laid out without being changed", () => {
  const json = '{"a":[1.0,12345678901234567890,{ }],"b":"{x: [1, \\"y\\"]}","":[ ],"c":null}';
  const lines = ["{", '  "a": [', "    1.0,", "    12345678901234567890,", "    {}", "  ],"];
  const rest = ['  "b": "{x: [1, \\"y\\"]}",', '  "": [],', '  "c": null', "}"];
  expect(pretty(json)).toBe([...lines, ...rest].join("\n"));
  expect(pretty(pretty(json))).toBe(pretty(json));
  expect(pretty('{"a": ')).toBe('{"a": ');
});

test("a value is said as people say it", () => {
  expect(['"south"', "true", "false", "7", "{}", "no JSON"].map(plain)).toEqual([
    "south",
    "Yes",
    "No",
    "7",
    "{}",
    "no JSON",
  ]);
  expect(mistakeIn("[1]")).toBeUndefined();
  expect(mistakeIn("[1")).toContain("JSON");
});
