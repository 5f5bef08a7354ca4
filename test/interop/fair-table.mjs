export function modelTables(results) { return ''; }
