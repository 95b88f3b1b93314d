// JSON lines that carry bytes: {"$bytes": HEX} stands for a Buffer.

const written = (_, value) =>
  value?.type === "Buffer" && Array.isArray(value.data) ? { $bytes: Buffer.from(value.data).toString("hex") } : value;

const read = (_, value) => (typeof value?.$bytes === "string" ? Buffer.from(value.$bytes, "hex") : value);

export const printed = (line) => JSON.stringify(line, written) + "\n";
export const parsed = (line) => JSON.parse(line, read);
