// Reads the settings whose values have a form of their own: URLs of databases, metadata, certificates. What goes with
// what, and what they are without a variable, is in config.ts.
import { X509Certificate } from 'node:crypto';
import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';
import { dirname } from 'node:path';
import { isPostgresUrl, isTlsUnderstood, sqlitePathOf } from './database-url.ts';
import { EnvReader, namesUser } from './env-reader.ts';

export class SettingReader extends EnvReader {
  host(name: string, usual: string): string {
    const host = this.text(name) ?? usual;
    if (isIP(host) !== 0 || /^[\w.-]+$/.test(host)) return host;
    this.report(name, 'is no address and no host name', 'Give one such as 127.0.0.1 or ::.');
    return usual;
  }

  databaseUrl(production: boolean): string {
    const given = this.secret('DATABASE_URL');
    if (given === undefined) {
      if (production && !this.has('DATABASE_URL_FILE')) {
        const remedy = 'Set it to postgres://… or to sqlite:PATH on a disk that is backed up.';
        this.report('DATABASE_URL', 'is missing', remedy);
      }
      return 'sqlite:./data/revocation.sqlite';
    }
    const text = this.demandTrimmed('DATABASE_URL', given);
    if (text !== given) return text;
    const isUsable = isPostgresUrl(text) ? URL.canParse(text) : sqlitePathOf(text) !== undefined;
    if (!isUsable) {
      const remedy = isPostgresUrl(text)
        ? 'Name one host, the primary. In the password write # as %23, / as %2F, ? as %3F and @ as %40; a port is at most 65535.'
        : 'Set it to sqlite:PATH or to postgres://….';
      this.report('DATABASE_URL', 'is not a known database URL', remedy);
    } else if (isPostgresUrl(text) && !isTlsUnderstood(text)) {
      const remedy =
        'Give sslmode=disable, prefer, require, verify-ca or verify-full; sslrootcert, sslcert, sslkey.';
      this.report('DATABASE_URL', 'has a parameter for TLS that is not known', remedy);
    }
    return text;
  }

  /** RFC 8414 §2: a document without response types is not valid. */
  metadata(name: string): Record<string, unknown> | null {
    const text = this.secret(name);
    if (text === undefined) return null;
    const remedy = 'Give a JSON object with `response_types_supported`, as RFC 8414 describes it.';
    try {
      const document = JSON.parse(text) as Record<string, unknown> | null;
      const types = document?.response_types_supported;
      if (Array.isArray(types) && types.length > 0) return document;
      this.report(name, 'has no response_types_supported', remedy);
    } catch {
      this.report(name, 'is not JSON', remedy);
    }
    return null;
  }

  metadataUrl(name: string, production: boolean): string | null {
    if (!this.has(name)) return null;
    if (this.has('AUTHORIZATION_SERVER_METADATA') || this.has('AUTHORIZATION_SERVER_METADATA_FILE'))
      this.report(name, 'is given, and so is AUTHORIZATION_SERVER_METADATA', 'Keep one of them.');
    return this.url(name, production, '');
  }

  certificates(name: string): string[] {
    const path = this.text(name);
    if (path === undefined) return [];
    if (!this.has('CLIENT_CERT_PROXIES'))
      this.report(name, 'is given without CLIENT_CERT_PROXIES', 'Name the proxies that end TLS.');
    try {
      const pem = readFileSync(path, 'utf8');
      const found = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
      for (const certificate of found) new X509Certificate(certificate);
      if (found.length === 0) this.report(name, 'names a file without certificates', 'Give a PEM file.');
      return found;
    } catch {
      const problem = 'names a file that cannot be read, or is no PEM file of certificates';
      this.report(name, problem, 'Check its path, permissions and content.');
      return [];
    }
  }

  /** Only warned of: commands that do not write to it may run as another user. */
  fileToAppend(name: string): string | null {
    const path = this.name(name);
    if (path === undefined) return null;
    if (!isWritable(path))
      this.warnings.push(
        `${name} names a file that this user cannot write, or a folder, or one in a folder that is not there; correct it, or what it is for is not done`,
      );
    return path;
  }

  /** 0 in production without SEAL_KEY_FILE: a key made here would be lost with the machine. */
  sealIntervalMs(production: boolean): number {
    const ms = this.integer('SEAL_INTERVAL_SECONDS', 60, 0, 86_400) * 1000;
    if (ms === 0 || !production || this.has('SEAL_KEY_FILE')) return ms;
    const remedy = 'make the key there once with `audit rotate-key`';
    this.warnings.push(
      `SEAL_KEY_FILE is missing, so audit events are not sealed; set it to a path, and ${remedy}`,
    );
    return 0;
  }

  /** Treated as a secret, as some receivers authenticate by its path or query. */
  webhookUrl(name: string, strict: boolean): string | null {
    const text = this.secret(name);
    if (text === undefined) return null;
    const protocols = strict ? /^https:$/ : /^https?:$/;
    const url = URL.canParse(text) ? new URL(text) : null;
    if (!url || !protocols.test(url.protocol) || namesUser(url))
      this.report(
        name,
        'must be an https URL without a user name',
        'Set it to the https URL that is to receive the seals.',
      );
    return text;
  }
}

function isWritable(path: string): boolean {
  try {
    const isThere = existsSync(path);
    accessSync(isThere ? path : dirname(path), constants.W_OK);
    return !(isThere && statSync(path).isDirectory());
  } catch {
    return false;
  }
}
