/** Files of the classroom's ZIP by their path in it. */
export function classroomFiles(dist?: string): Map<string, string>
/** Writes the ZIP; returns its bytes. */
export function writeZip(files: ReadonlyMap<string, string>, out: string): Promise<number>
