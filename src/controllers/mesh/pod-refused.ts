/** A pod that is refused with this text, instead of started otherwise than it asks: what it says cannot be followed. */
export class PodRefused extends Error {}
