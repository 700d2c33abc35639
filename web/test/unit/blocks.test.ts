/** The blocks of a text that grows, as the chat page shows it. */

import { expect, test } from "vitest";

import { Blocks } from "../../demo/blocks.js";

const MARKDOWN = `# Title

One paragraph
of two lines.

1. first

2. second, after an empty line

   and more of it

| a | b |
|---|---|
| 1 | 2 |

\`\`\`
code

# no title
\`\`\`

The end.
`;

const PLAIN = Array.from({ length: 3000 }, (_, number) => `word${number} `).join("");

test.each([MARKDOWN, PLAIN])("a text that grew has the blocks that it has at once, and they are the text", (text) => {
  const growing = new Blocks();
  for (let length = 0; length < text.length; length += 7) growing.of(text.slice(0, length));
  expect(growing.of(text)).toEqual(new Blocks().of(text));
  expect(growing.of(text).join("")).toBe(text);
});

test("only a long paragraph is cut, where nothing else can begin", () => {
  expect(new Blocks().of(PLAIN.slice(0, 4000))).toHaveLength(1);
  const blocks = new Blocks().of(PLAIN);
  expect(Math.max(...blocks.map((block) => block.length))).toBeLessThanOrEqual(4001);
  expect(blocks.every((block) => block.startsWith("word"))).toBe(true);
  expect(new Blocks().of(`- ${PLAIN}`)).toHaveLength(1);
});

test("a text that did not grow but changed begins anew", () => {
  const blocks = new Blocks();
  blocks.of("one\n\ntwo\n\nthree\n\nfour");
  expect(blocks.of("five\n\nsix")).toEqual(["five\n\n", "six"]);
});
