// Durations in milliseconds, the unit of all times inside the server.

export const hourMs = 3_600_000;
export const dayMs = 24 * hourMs;
