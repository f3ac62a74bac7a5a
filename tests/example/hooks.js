export function suiteOfHooks() {}
