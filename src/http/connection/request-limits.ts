// How large and how slow a request may be before any endpoint sees it. listener.ts has Node enforce these limits,
// unreadable.ts names the one that was exceeded; bodies have limits of their own, by endpoint.

export const headerBytesMax = 32_768;
/** A field of three bytes takes two hundred in memory. The application refuses more, as Node drops them silently. */
export const headerFieldsMax = 256;
/** For the headers alone. */
export const headersTimeoutMs = 10_000;
/** For the whole request; a streamed body may take longer if it never pauses for so long (body-flow.ts). */
export const requestTimeoutMs = 30_000;
