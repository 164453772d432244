/** A run once more, watched: as a page of HTML, as lines of text. */
import type { AnyScenario, SimulationCase } from '../../../simulation/shrink.ts';
import { TimelineRecorder } from '../../../simulation/timeline.ts';
import { timelinePage } from '../../../simulation/timeline-page/page.ts';
import { timelineText } from '../../../simulation/timeline-text.ts';
import type { Terminal } from '../../terminal.ts';
import { simulateAny } from './run-one.ts';
import { writeTextFile } from './written-files.ts';

export interface PictureRequest {
  /** Of the page. */
  readonly timeline?: string;
  /** Of the text. */
  readonly trace?: string;
}

/** `again` is the command that runs the same. */
export async function writePictures(
  { scenario, seed }: SimulationCase<AnyScenario>,
  { timeline: page, trace }: PictureRequest,
  again: string,
  terminal: Terminal,
): Promise<void> {
  if (page === undefined && trace === undefined) return;
  const recorder = new TimelineRecorder();
  const result = await simulateAny(scenario, { seed, keepLog: true, onEvent: recorder.onEvent });
  for (const line of result.log) recorder.onLog(line);
  const timeline = recorder.timeline({
    ...{ scenario: scenario.name, expects: scenario.expects, seed, again },
    ...{ traceHash: result.traceHash, nodes: nodesOf(scenario), endMs: result.simulatedMs },
  });
  if (page !== undefined) write(page, timelinePage(timeline), terminal);
  if (trace !== undefined) write(trace, timelineText(timeline), terminal);
}

const nodesOf = (scenario: AnyScenario): number =>
  'start' in scenario ? scenario.nodes : scenario.validators + (scenario.standbys ?? 0);

function write(file: string, text: string, terminal: Terminal): void {
  writeTextFile(file, text);
  terminal.err(`written: ${file}`);
}
