/* The page of two pictures compared: the slider between them. */
import { dressCompare } from "./lightbox/compare.js";
import "../../zone.js";

dressCompare(document);
