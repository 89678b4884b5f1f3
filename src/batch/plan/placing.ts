import { normalize } from 'node:path';
import { badArgument } from '../../errors/arguments.ts';
import { parseDockerDestination, parseDockerReference, pathOf } from '../../formats/distribution/docker-reference.ts';
import { askedName } from '../../formats/names.ts';
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
  if (transport !== 'docker') return [placeIn(target, names)];
  if (!target.endsWith('/')) return [{ destination: target, names: [...names], only: null, additional: [] }];
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
    const location = locate(name);
    const { transport, path } = parseLocation(location);
    const given = name === null ? [] : [name];
    const place = transport === 'docker' ? placeOfTag(path, given) : placeIn(location, given);
    const key = transport === 'docker' ? place.destination : JSON.stringify([place.destination, place.only]);
    const known = places.get(key) ?? { ...place, names: [] };
    places.set(key, known);
    known.names.push(...place.names.filter((own) => !known.names.includes(own)));
    if (place.only !== known.only) known.additional.push(...given);
  }
  return [...places.values()];
}

function placeOfTag(path: string, names: string[]): Place {
  const { host, name, tag } = parseDockerReference(path);
  return { destination: `docker://${host}/${name}`, names, only: tag, additional: [] };
}

/**
 * In files. All that goes to one of them goes to the same destination, however its path is written and whatever it is to be
 * called there: two that wrote it would be in each other's way.
 */
function placeIn(location: string, names: readonly string[]): Place {
  const { transport, path, ref } = parseLocation(location);
  const destination = transport === 'null' ? location : `${transport}:${normalize(path).replace(/(?<=.)\/$/, '')}`;
  // What docker-archive has beside a path is a name like those of images.
  if (transport === 'docker-archive' && ref !== null)
    return { destination, names: [askedName(ref)], only: null, additional: [] };
  return { destination, names: [...names], only: ref, additional: [] };
}
