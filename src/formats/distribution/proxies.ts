import { BlockList, isIP } from 'node:net';

const DEFAULT_PORTS: Readonly<Record<string, string>> = { 'http:': '80', 'https:': '443' };

/**
 * The proxy for an address, by `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` in either case, as other programs read them: names
 * with everything below them, addresses, CIDR ranges, each with a port or without, or `*`. Loopback is never proxied.
 */
export function proxyFor(url: URL, env: NodeJS.ProcessEnv): string | null {
  const secure = url.protocol === 'https:';
  // What a web server calls HTTP_PROXY may come from a visitor, so the lower case goes first.
  const proxy = secure ? (env['https_proxy'] ?? env['HTTPS_PROXY']) : (env['http_proxy'] ?? env['HTTP_PROXY']);
  if (proxy === undefined || proxy === '' || isLoopback(url)) return null;
  const exempt = (env['no_proxy'] ?? env['NO_PROXY'] ?? '').split(/[\s,]+/).filter((entry) => entry !== '');
  if (exempt.some((entry) => matches(entry.toLowerCase(), url))) return null;
  return proxy.includes('://') ? proxy : `http://${proxy}`;
}

export function isLoopback({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

function matches(entry: string, url: URL): boolean {
  if (entry === '*') return true;
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (entry.includes('/')) return inRange(entry, host);
  const [, name = entry, port] = isIP(entry) === 6 ? [] : (/^\[?(.+?)\]?(?::(\d+))?$/.exec(entry) ?? []);
  if (port !== undefined && port !== (url.port || DEFAULT_PORTS[url.protocol])) return false;
  const bare = name.replace(/^\*?\./, '');
  return host === bare || host.endsWith(`.${bare}`);
}

function inRange(entry: string, host: string): boolean {
  const [net = '', bits = ''] = entry.split('/');
  const family = isIP(net);
  if (family === 0 || isIP(host) !== family || !/^\d{1,3}$/.test(bits) || Number(bits) > (family === 4 ? 32 : 128)) {
    return false;
  }
  const type = family === 4 ? 'ipv4' : 'ipv6';
  const list = new BlockList();
  list.addSubnet(net, Number(bits), type);
  return list.check(host, type);
}
