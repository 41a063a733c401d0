// In milliseconds, as are all times inside.

export const hourMs = 3_600_000;
export const dayMs = 24 * hourMs;
