/** What files and flags say about the way to a registry: where it is, what it trusts, and who one is there. */
export interface Access {
  /** Throws REGISTRY_BLOCKED, and INVALID_SETTING where a file cannot be understood. */
  endpoints(host: string, name: string): Promise<Endpoint[]>;
  /** Null is nobody in particular. Throws INVALID_SETTING, PROGRAM_MISSING or CREDENTIAL_HELPER_FAILED. */
  credentials(host: string, name: string): Promise<Credentials | null>;
}

/** One place that has a repository. */
export interface Endpoint {
  /** `https://host:port`, in the order to try for pulls; mirrors first, the registry itself last. */
  origin: string;
  /** The repository there. */
  name: string;
  host: string;
  mirror: boolean;
  pullsByDigestOnly?: boolean;
  /** A mirror that is not asked for digests. */
  pullsByTagOnly?: boolean;
  /** Plain http is allowed, and certificates are not checked. */
  insecure: boolean;
  /** PEM. The authorities come on top of those that the machine trusts. */
  tls: { ca?: string[]; cert?: string; key?: string };
}

export type Credentials =
  | { username: string; password: string }
  | { identityToken: string }
  | { registryToken: string };
