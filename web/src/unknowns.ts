/** Fields of a later version, which are kept. */

import type { Message } from "@bufbuild/protobuf";

/** The unknown fields of both, to be spread into a message. */
export function unknowns(first: Message, second: Message): Pick<Message, "$unknown"> {
  if (!second.$unknown) return {};
  return { $unknown: [...(first.$unknown ?? []), ...second.$unknown] };
}
