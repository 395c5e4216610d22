import { createMemoryStore } from "../../src/store/memory.ts";
import { testStoreContract } from "./contract.case.ts";

testStoreContract("memory", async (history) => createMemoryStore({ history }));
