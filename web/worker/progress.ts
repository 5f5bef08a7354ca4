/** Tells the page what is done: a few words, and the part of the whole, from 0 to 1, where it is known. */
export type Progress = (text: string, share?: number) => void;
