import type { ImportedImage } from '../../coordinator/jobs/import.ts';
import { parsePlatform } from '../platform-option.ts';
import { EXIT, combineExitCodes, type ExitCode } from '../exit-codes.ts';
import type { Session } from '../session.ts';
import { runTracked } from '../tracked-job.ts';
import { shortId } from '../terminal.ts';
import { examples, type Verb } from '../verb.ts';

interface Options {
  name?: string;
  clobber: boolean;
  blobs?: 'keep' | 'drop';
  platform?: string;
}

/** `layermill import SOURCE...` */
export const verb: Verb = {
  define(command) {
    command
      .argument('<sources...>', 'archives and layouts; a bare path, or - for stdin')
      .option('--name <name>', 'name the image so, instead of as the source does')
      .option('--no-clobber', 'do not move a tag that names another image')
      .option('--blobs <what>', 'keep or drop the packed layers (kept, an export can give the same manifest)')
      .option('--platform <os/arch>', 'what the name of a multi-platform image means here')
      .addHelpText(
        'after',
        examples(
          ['every image of an archive', 'layermill import images.tar'],
          ['one image of a layout', 'layermill import oci:layout:v1'],
          ['from a pipe', 'docker save busybox | layermill import -'],
        ),
      );
  },
  async run(session, sources, options) {
    const { name, clobber, blobs, platform } = options as Options;
    const engine = await session.engine();
    const { openSource } = await import('../../formats/transports.ts');
    const codes: ExitCode[] = [];
    for (const text of sources) {
      try {
        const source = await openSource(text, { ...engine.formats, signal: session.signal });
        try {
          await runTracked(session, engine, text, {
            type: 'import',
            source,
            name,
            clobber,
            blobs: blobs ?? session.settings.blobs,
            platform: parsePlatform(platform),
            onImage: (result) => codes.push(tell(session, text, result)),
          });
        } finally {
          await source.close();
        }
      } catch (error) {
        if (session.signal.aborted) throw error;
        codes.push(session.fail(error, { source: text, ref: null }, codes.length > 0 || sources.length > 1 ? 'image' : 'before'));
      }
    }
    return codes.length === 0 ? EXIT.done : combineExitCodes(codes);
  },
};

function tell(session: Session, source: string, result: ImportedImage): ExitCode {
  if (result.error !== null) return session.fail(result.error, { source, ref: result.ref }, 'image');
  const { error: _none, names, equal, warnings, ...line } = result;
  if (session.json) {
    session.out.json({ ...line, source, names, equal, warnings });
  } else {
    const layers = `${result.registered} new, ${result.reused} known layers`;
    session.out.line(`${shortId(result.id)}  ${names.join(', ') || result.ref}  (${layers}; ${equal})`);
  }
  return EXIT.done;
}
