import { describe, expect, it } from 'vitest';
import { ChannelClasses } from '../../../src/equalization/channels/channel-classes.ts';

describe('ChannelClasses', () => {
  it('joins channel by channel, across any number of them', () => {
    const classes = new ChannelClasses<string>();
    const first = classes.add(3);
    const second = classes.add(3);
    classes.joinAll(first, second);
    classes.join(0, 2);
    expect([...second].map((channel) => classes.find(channel))).toEqual([0, 1, 0]);
    expect(classes.size).toBe(6);
    // More than it begins with.
    const many = classes.add(5000);
    classes.joinAll(many.subarray(1), many.subarray(0, 4999));
    expect(classes.find(5005)).toBe(6);
  });

  it('keeps a class closed through joins, with one cause', () => {
    const classes = new ChannelClasses<string>();
    classes.add(4);
    classes.close([1], 'one');
    classes.close([1], 'another');
    classes.join(0, 1);
    expect(classes.causeOf(0)).toBe('one');
    classes.close([2], 'two');
    classes.join(2, 1);
    expect([0, 1, 2].map((channel) => classes.causeOf(channel))).toEqual(['one', 'one', 'one']);
    expect(classes.causeOf(3)).toBeUndefined();
  });

  it('refuses lists of different lengths', () => {
    const classes = new ChannelClasses<string>();
    expect(() => classes.joinAll(classes.add(2), classes.add(3))).toThrow(/2 and 3 channels/);
  });
});
