/** Words that the page builds from keys, or takes from data, and that no string of its own spells out. */
export const WORDS = ['spqr-web: does a safe image model stay safe?']
