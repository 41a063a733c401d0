// Durations in milliseconds, the unit of times inside the server where nothing else is said.

export const hourMs = 3_600_000;
export const dayMs = 24 * hourMs;
