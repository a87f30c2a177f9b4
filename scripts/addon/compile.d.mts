/** Directory with `node_api.h` and `uv.h`. */
export function findHeaders(): string;
