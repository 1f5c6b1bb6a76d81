import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import type { RequestMeter } from '../http/middleware/access-log.ts';

/** Seconds; from a cached read to a long poll. */
const REQUEST_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

export type SnapshotOptions = {
  readonly name: string;
  readonly help: string;
  readonly label: string;
  readonly buckets: readonly number[];
  readonly read: () => Promise<ReadonlyMap<string, readonly number[]>>;
};

/** What a process tells a Prometheus collector. */
export interface Metrics extends RequestMeter {
  /** Registers a value that is asked for when the collector calls. */
  gauge(name: string, help: string, read: () => number | Promise<number>): void;
  /** Registers values that differ in one label. */
  gaugeByLabel(
    name: string,
    help: string,
    label: string,
    read: () => Promise<Readonly<Record<string, number>>>,
  ): void;
  /** Registers a histogram of values that are counted anew when the collector calls, differing in one label. */
  snapshot(options: SnapshotOptions): void;
  /** Registers a counter and returns what increments it. */
  counter(name: string, help: string): (by?: number) => void;
  /** The same with labels, whose values must come from a small set. */
  counterBy<L extends string>(
    name: string,
    help: string,
    labels: readonly L[],
  ): (values: Readonly<Record<L, string>>) => void;
  /** Everything in Prometheus' text format. */
  render(): Promise<{ readonly contentType: string; readonly text: string }>;
}

/** A registry of its own per server, so that several can live in one process. */
export const createMetrics = (): Metrics => {
  const registry = new Registry();
  const registers = [registry];
  // Includes the event loop's lag and the heap.
  collectDefaultMetrics({ register: registry });
  const requests = new Histogram({
    name: 'nyx_http_request_seconds',
    help: 'Time from the first byte of a request to its answer, by operation and status',
    labelNames: ['operation', 'method', 'status'] as const,
    buckets: REQUEST_BUCKETS,
    registers,
  });
  // One labelled child per combination: looking it up is a string join, making labels is not.
  const children = new Map<string, ReturnType<typeof requests.labels>>();
  return {
    observe: (operation, method, status, seconds) => {
      const key = `${operation} ${method} ${status}`;
      let child = children.get(key);
      if (child === undefined) {
        child = requests.labels(operation, method, String(status));
        children.set(key, child);
      }
      child.observe(seconds);
    },
    gauge: (name, help, read) => {
      new Gauge({
        name,
        help,
        registers,
        async collect() {
          this.set(await read());
        },
      });
    },
    gaugeByLabel: (name, help, label, read) => {
      new Gauge({
        name,
        help,
        registers,
        labelNames: [label],
        async collect() {
          for (const [value, count] of Object.entries(await read())) this.set({ [label]: value }, count);
        },
      });
    },
    snapshot: ({ name, help, label, buckets, read }) => {
      new Histogram({
        name,
        help,
        registers,
        labelNames: [label],
        buckets: [...buckets],
        async collect() {
          const values = await read();
          this.reset();
          for (const [value, observed] of values)
            for (const one of observed) this.observe({ [label]: value }, one);
        },
      });
    },
    counterBy: (name, help, labels) => {
      const counter = new Counter({ name, help, registers, labelNames: [...labels] });
      return (values) => counter.inc(values);
    },
    counter: (name, help) => {
      const counter = new Counter({ name, help, registers });
      return (by = 1) => counter.inc(by);
    },
    render: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  };
};
