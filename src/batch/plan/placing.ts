import { badArgument } from '../../errors/arguments.ts';
import { parseDockerDestination, parseDockerReference, pathOf } from '../../formats/distribution/docker-reference.ts';
import { parseLocation } from '../../formats/transports.ts';
import type { Digest } from '../../identity/digest.ts';
import { parseRepositoryTag } from '../../identity/reference.ts';
import { quoted } from '../../image/strict-json.ts';
import { fillTarget, isTemplate } from './target.ts';

/** Where one thing goes, and what it is called there. */
export interface Place {
  /** As `openSink` takes it. */
  destination: string;
  names: string[];
  only: string | null;
  additional: string[];
}

export interface Placed {
  target: string;
  /** After renaming, in familiar form. */
  names: readonly string[];
  /** What it is called in its source, for one without names. */
  ref: string;
  /** Of its manifest, else of its config. */
  digest: Digest | null;
  /** Its number in the batch, from 1. */
  number: number;
}

/**
 * Where a thing with these names goes. Below a registry's path, and by a template, each name may lead somewhere else.
 * Throws INVALID_ARGUMENT for a thing without names where only a name tells.
 */
export function placesOf(thing: Placed): Place[] {
  const { target, names, digest, number } = thing;
  if (isTemplate(target))
    return grouped<string | null>(names.length === 0 ? [null] : names, (name) =>
      fillTarget(target, { name, digest, number }),
    );
  const { transport, path } = parseLocation(target);
  if (transport !== 'docker' || !target.endsWith('/'))
    return [{ destination: target, names: [...names], only: null, additional: [] }];
  if (names.length === 0) {
    const message = `${quoted(thing.ref)} has no name, and only a name tells where it goes below ${quoted(target)}; give it one with a rename, or write a target with {digest}`;
    throw badArgument(target, message);
  }
  const below = parseDockerDestination(path);
  if (!('prefix' in below)) throw badArgument(target, `${quoted(target)} is no path of a registry`);
  return grouped(names, (name) => {
    const { reference } = parseRepositoryTag(name);
    return `docker://${below.host}/${below.prefix}${pathOf(name)}:${reference}`;
  });
}

/** Things that go to the same place are one; in a registry a repository is one place, and tags are what things are called. */
function grouped<Name extends string | null>(names: readonly Name[], locate: (name: Name) => string): Place[] {
  const places = new Map<string, Place>();
  for (const name of names) {
    const { destination, tag } = takeApart(locate(name));
    const place = places.get(destination) ?? { destination, names: [], only: tag, additional: [] };
    places.set(destination, place);
    if (name !== null) place.names.push(name);
    if (tag !== null && tag !== place.only) place.additional.push(name!);
  }
  return [...places.values()];
}

function takeApart(location: string): { destination: string; tag: string | null } {
  const { transport, path } = parseLocation(location);
  if (transport !== 'docker') return { destination: location, tag: null };
  const { host, name, tag } = parseDockerReference(path);
  return { destination: `docker://${host}/${name}`, tag };
}
