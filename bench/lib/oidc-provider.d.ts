// `oidc-provider` comes without types; these are the few that the bench needs.
declare module 'oidc-provider' {
  import type { RequestListener } from 'node:http';

  export interface Token {
    format: 'opaque';
    save(): Promise<string>;
  }

  export default class Provider {
    constructor(issuer: string, configuration: object);
    readonly Client: { find(clientId: string): Promise<object> };
    readonly AccessToken: new (
      fields: object,
    ) => Token;
    readonly ClientCredentials: new (
      fields: object,
    ) => Token;
    readonly Grant: new (
      fields: object,
    ) => { addOIDCScope(scope: string): void; save(): Promise<string> };
    on(event: 'server_error', listener: (ctx: unknown, error: unknown) => void): void;
    callback(): RequestListener;
  }
}

declare module 'oidc-provider/lib/adapters/memory_adapter.js' {
  export default class MemoryAdapter {
    constructor(model: string, store: object);
  }
}

declare module 'oidc-provider/lib/helpers/lru.js' {
  export default class LRU {
    constructor(options: { maxSize: number });
  }
}
