// Which of two forms of an answer the caller prefers (RFC 9110 §12.5.1).

/** Is `special` asked for by name, ranked above JSON if that is named, and not below a wildcard? */
export function prefers(accept: string, special: string): boolean {
  if (!accept.toLowerCase().includes(special)) return false;
  const ranges = new Map(accept.split(',').map(readRange));
  const quality = ranges.get(special) ?? 0;
  const plain = ranges.get('application/json');
  return (
    quality > 0 &&
    quality >= (ranges.get('application/*') ?? ranges.get('*/*') ?? 0) &&
    quality > (plain ?? 0)
  );
}

function readRange(range: string): [type: string, quality: number] {
  const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
  const q = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2);
  const quality = q === undefined ? 1 : /^(0(\.\d{0,3})?|1(\.0{0,3})?)$/.test(q) ? Number(q) : 0;
  return [type, quality];
}
