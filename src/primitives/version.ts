/** Version of this library, as in its package. */
export const version = "0.0.0"
