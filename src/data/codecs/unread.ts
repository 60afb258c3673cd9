// Files that are not damaged but of a kind that nothing here reads.

/** Says what kind, after "it". */
export class UnreadKind extends Error {}
