/** The 64 emoji of the specification's SAS table ("SAS method: emoji"), by number, with their English names. */
const TABLE =
  '🐶 Dog|🐱 Cat|🦁 Lion|🐎 Horse|🦄 Unicorn|🐷 Pig|🐘 Elephant|🐰 Rabbit|🐼 Panda|🐓 Rooster|🐧 Penguin|🐢 Turtle|' +
  '🐟 Fish|🐙 Octopus|🦋 Butterfly|🌷 Flower|🌳 Tree|🌵 Cactus|🍄 Mushroom|🌏 Globe|🌙 Moon|☁️ Cloud|🔥 Fire|' +
  '🍌 Banana|🍎 Apple|🍓 Strawberry|🌽 Corn|🍕 Pizza|🎂 Cake|❤️ Heart|😀 Smiley|🤖 Robot|🎩 Hat|👓 Glasses|' +
  '🔧 Spanner|🎅 Santa|👍 Thumbs Up|☂️ Umbrella|⌛ Hourglass|⏰ Clock|🎁 Gift|💡 Light Bulb|📕 Book|✏️ Pencil|' +
  '📎 Paperclip|✂️ Scissors|🔒 Lock|🔑 Key|🔨 Hammer|☎️ Telephone|🏁 Flag|🚂 Train|🚲 Bicycle|✈️ Aeroplane|' +
  '🚀 Rocket|🏆 Trophy|⚽ Ball|🎸 Guitar|🎺 Trumpet|🔔 Bell|⚓ Anchor|🎧 Headphones|📁 Folder|📌 Pin';

export type SasEmoji = { readonly number: number; readonly emoji: string; readonly name: string };

export const SAS_EMOJI: readonly SasEmoji[] = TABLE.split('|').map((entry, number) => {
  const at = entry.indexOf(' ');
  return { number, emoji: entry.slice(0, at), name: entry.slice(at + 1) };
});
