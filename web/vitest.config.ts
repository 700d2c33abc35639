import { defineConfig } from "vitest/config";

const limits = { testTimeout: 20_000, hookTimeout: 20_000 };

export default defineConfig({
  test: {
    projects: [
      { test: { name: "unit", include: ["test/unit/**/*.test.ts"], ...limits } },
      { test: { name: "service", include: ["test/service/**/*.test.ts"], ...limits, testTimeout: 60_000 } },
    ],
  },
});
